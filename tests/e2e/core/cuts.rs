//! The short form of the soak: `tests/soak.sh cuts` cuts after every byte, for every method, on every framing.

use crate::STINAD;
use stina_tests::{Framing, cuts};

#[test]
fn a_write_cut_off_at_any_byte_and_sent_again_is_done_once() {
    // One method after every byte; of the others enough to meet each part of a message.
    let figures = cuts::run(STINAD, Framing::Ndjson, |method| if method == "kv.increment" { 1 } else { 37 });
    println!("{figures:?}");
    assert!(figures.methods >= 12 && figures.unanswered > 100, "{figures:?}");
}

#[test]
fn a_write_cut_off_on_http_or_a_websocket_and_sent_again_is_done_once() {
    for framing in [Framing::Http, Framing::WebSocket] {
        let figures = cuts::run(STINAD, framing, |_| 97);
        assert!(figures.methods >= 12 && figures.unanswered > 10, "{framing:?}: {figures:?}");
    }
}
