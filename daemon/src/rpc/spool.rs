//! A snapshot on its way to one subscriber. It pins no reader while the subscriber is slow.
//!
//! A small snapshot stays in memory. A large one goes to an unnamed temporary file beside the database: that directory is
//! private and on a disk with about enough room, which `/tmp` often is not.

use std::io::{self, BufRead, BufReader, Seek, Write};
use std::path::Path;
use tempfile::SpooledTempFile;

/// Bytes of changes in one notification, one change over.
const CHUNK: usize = 64 * 1024;

/// Takes changes (JSON) and returns them in chunks.
#[derive(Debug)]
pub(super) struct Spool {
    file: SpooledTempFile,
    in_line: usize,
}

impl Spool {
    /// A spool that holds up to `memory` bytes in memory, and larger ones in a file in `directory`.
    pub(super) fn new(memory: usize, directory: &Path) -> Self {
        Self { file: SpooledTempFile::new_in(memory, directory), in_line: 0 }
    }

    /// Adds a change. Its JSON must be compact: a line break would end the chunk.
    pub(super) fn push(&mut self, change: &str) -> io::Result<()> {
        if self.in_line >= CHUNK {
            self.file.write_all(b"\n")?;
            self.in_line = 0;
        } else if self.in_line > 0 {
            self.file.write_all(b",")?;
        }
        self.in_line += change.len();
        self.file.write_all(change.as_bytes())
    }

    /// Adds JSON as a chunk of its own.
    pub(super) fn push_alone(&mut self, event: &str) -> io::Result<()> {
        self.file.write_all(event.as_bytes())?;
        self.file.write_all(b"\n")
    }

    /// Ends writing, begins reading.
    pub(super) fn chunks(mut self) -> io::Result<Chunks> {
        self.file.rewind()?;
        Ok(Chunks { file: BufReader::new(self.file) })
    }
}

/// Reads a spool back.
#[derive(Debug)]
pub(super) struct Chunks {
    file: BufReader<SpooledTempFile>,
}

impl Chunks {
    /// The next chunk: changes, separated by commas.
    pub(super) fn next(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        self.file.read_line(&mut line)?;
        if line.ends_with('\n') {
            line.pop();
        }
        Ok((!line.is_empty()).then_some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_in_chunks_from_memory_and_from_disk() {
        for memory in [0, 1 << 30] {
            let mut spool = Spool::new(memory, &std::env::temp_dir());
            for i in 0..1000 {
                spool.push(&format!("{{\"i\":{i},\"pad\":\"{}\"}}", "x".repeat(200))).unwrap();
            }
            let mut chunks = spool.chunks().unwrap();
            let (mut seen, mut parts) = (0, 0);
            while let Some(chunk) = chunks.next().unwrap() {
                assert!(chunk.len() < CHUNK * 2);
                seen += serde_json::from_str::<Vec<serde_json::Value>>(&format!("[{chunk}]")).unwrap().len();
                parts += 1;
            }
            assert_eq!((seen, parts > 2), (1000, true));
        }
        assert!(Spool::new(10, Path::new("")).chunks().unwrap().next().unwrap().is_none());
    }
}
