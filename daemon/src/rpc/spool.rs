//! Present entities on their way to one subscriber: a consistent snapshot that pins no reader while the
//! subscriber is slow. Small ones stay in memory, large ones go to an unnamed temporary file beside the database: there
//! is room for about as much, it is private, and it is a disk, which `/tmp` often is not.

use std::io::{self, BufRead, BufReader, Seek, Write};
use std::path::Path;
use tempfile::SpooledTempFile;

/// Bytes of changes that are sent as one notification, one change over.
const CHUNK: usize = 64 * 1024;

/// Takes changes (JSON), gives them back in chunks.
#[derive(Debug)]
pub(super) struct Spool {
    file: SpooledTempFile,
    in_line: usize,
}

impl Spool {
    /// A spool that holds up to `memory` bytes in memory, and what is more in `directory`.
    pub(super) fn new(memory: usize, directory: &Path) -> Self {
        Self { file: SpooledTempFile::new_in(memory, directory), in_line: 0 }
    }

    /// Adds a change. Its JSON is compact: it has no line break.
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

    /// Adds JSON that is a chunk by itself.
    pub(super) fn push_alone(&mut self, event: &str) -> io::Result<()> {
        self.file.write_all(event.as_bytes())?;
        self.file.write_all(b"\n")
    }

    /// Ends writing.
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
    fn what_goes_in_comes_out_in_chunks_also_from_disk() {
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
