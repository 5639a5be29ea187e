//! Standard input as text, in words as it arrives.

use std::io::{self, Read};
use tokio::sync::mpsc;

/// Bytes of one read.
const READ: usize = 64 << 10;
/// Most parts of one read; the parts of a long one have several words each.
const PARTS: usize = 64;

/// Reads standard input as it arrives. A thread of its own waits for it: tokio's would have to end before the program
/// can.
pub(super) fn read() -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (to, chunks) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut chunk = vec![0; READ];
            let read = match stdin.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) => return,
                read => read,
            };
            let failed = read.is_err();
            let chunk = read.map(|length| {
                chunk.truncate(length);
                chunk
            });
            if to.blocking_send(chunk).is_err() || failed {
                return;
            }
        }
    });
    chunks
}

/// Turns bytes, cut anywhere, into text. It holds back a line break at the end, because the last one is not part of the text.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    rest: Vec<u8>,
}

impl Decoder {
    /// The text that these bytes complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<String> {
        self.rest.extend_from_slice(bytes);
        let valid = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(not_text()),
        };
        let keeps_break = valid == self.rest.len() && self.rest.ends_with(b"\n");
        let text: Vec<u8> = self.rest.drain(..valid - usize::from(keeps_break)).collect();
        String::from_utf8(text).map_err(|_| not_text())
    }

    /// There are no more bytes.
    pub(super) fn end(self) -> io::Result<()> {
        if self.rest.is_empty() || self.rest == b"\n" { Ok(()) } else { Err(not_text()) }
    }
}

fn not_text() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "standard input is not UTF-8")
}

/// Splits `text` into words, each with the white space after it; a long text into parts of several words.
pub(super) fn words(text: &str) -> Vec<&str> {
    let least = text.len() / PARTS;
    let (mut words, mut start) = (Vec::new(), 0);
    let mut is_space = false;
    for (at, c) in text.char_indices() {
        if is_space && !c.is_whitespace() && at - start >= least {
            words.push(&text[start..at]);
            start = at;
        }
        is_space = c.is_whitespace();
    }
    words.extend(text.get(start..).filter(|last| !last.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_cut_anywhere_become_the_same_text() {
        let text = "Hej på dig,\n日本語 🙂\n\nslut";
        for size in [1, 2, 3, 7, 100] {
            let mut decoder = Decoder::default();
            let pieces: Vec<String> =
                [text, "\n"].concat().as_bytes().chunks(size).map(|c| decoder.take(c).unwrap()).collect();
            decoder.end().unwrap();
            assert_eq!(pieces.concat(), text);
        }
    }

    #[test]
    fn input_that_is_not_utf_8_is_refused() {
        assert!(Decoder::default().take(b"a\xffb").is_err());
        let mut cut = Decoder::default();
        assert_eq!(cut.take("å".as_bytes().split_at(1).0).unwrap(), "");
        assert!(cut.end().is_err());
    }

    #[test]
    fn text_is_split_into_words_and_a_long_one_into_parts() {
        assert_eq!(words("  Hej på\n\ndig "), ["  ", "Hej ", "på\n\n", "dig "]);
        assert_eq!(words("日本語"), ["日本語"]);
        assert!(words("").is_empty());
        let long = "word ".repeat(10_000);
        let parts = words(&long);
        assert!(parts.len() <= PARTS + 1 && parts.len() > PARTS / 2, "{}", parts.len());
        assert_eq!(parts.concat(), long);
    }
}
