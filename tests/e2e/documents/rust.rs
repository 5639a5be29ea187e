//! The code in `docs/rust.md` is that of the examples, which `client/examples.rs` runs.

use super::samples::streams_and_is_cancelled;
use super::{blocks, root};
use crate::client::examples::example;
use crate::daemon;
use std::collections::BTreeSet;

#[test]
fn the_rust_client_streams_and_is_cancelled() {
    let Some(path) = example("chat_stream") else { return };
    let daemon = daemon();
    streams_and_is_cancelled(&daemon, || daemon.command(&path.display().to_string()));
}

/// Lines that are not empty, without their indentation.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_rust_guide_quotes_every_example_as_it_is() {
    let mut quoted = BTreeSet::new();
    for (path, block) in blocks("docs/rust.md", "rust") {
        let example = std::fs::read_to_string(root().join(&path)).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let (block, example) = (lines(&block), lines(&example));
        assert!(example.windows(block.len()).any(|part| part == block), "not in {path}: {block:#?}");
        quoted.insert(path);
    }
    let examples = std::fs::read_dir(root().join("client/examples")).unwrap();
    let all =
        examples.map(|e| format!("client/examples/{}", e.unwrap().file_name().to_str().unwrap())).collect();
    assert_eq!(quoted, all);
}
