//! NDJSON framing: splits a byte stream into lines of bounded length.

/// Splits a byte stream into lines of at most `limit` bytes.
///
/// Append received bytes to [`buffer`](Self::buffer), then call [`take`](Self::take) until it returns `None`. A line
/// over the limit is reported once, its bytes are discarded as they arrive, and the next line is read as usual.
#[derive(Debug)]
pub struct LineSplitter {
    limit: usize,
    buffer: Vec<u8>,
    /// Start of the bytes not yet taken.
    start: usize,
    /// Bytes from `start` known to hold no line break.
    scanned: usize,
    discarding: bool,
    /// First bytes of the last line over the limit.
    beginning: Vec<u8>,
}

/// A line of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line, without its line break.
    Whole(&'a [u8]),
    /// The first bytes of a line over the limit.
    TooLong(&'a [u8]),
}

/// Bytes that are kept of a line over the limit, to identify it.
const BEGINNING: usize = 256;

/// A buffer that grew beyond this is freed once it is empty.
const KEEP_CAPACITY: usize = 64 * 1024;

impl LineSplitter {
    /// A splitter for lines of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, buffer: Vec::new(), start: 0, scanned: 0, discarding: false, beginning: Vec::new() }
    }

    /// The buffer to append received bytes to.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.start > 0 && (self.start == self.buffer.len() || self.start > KEEP_CAPACITY) {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP_CAPACITY {
            self.buffer = Vec::new();
        }
        &mut self.buffer
    }

    /// The next line, if it has arrived completely. Empty lines are skipped.
    pub fn take(&mut self) -> Option<Line<'_>> {
        loop {
            let from = self.start + self.scanned;
            let Some(offset) = memchr::memchr(b'\n', self.buffer.get(from..).unwrap_or_default()) else {
                self.scanned = self.buffer.len() - self.start;
                return self.overflow();
            };
            let (start, end) = (self.start, from + offset);
            self.start = end + 1;
            self.scanned = 0;
            if std::mem::take(&mut self.discarding) {
                continue;
            }
            if end - start > self.limit {
                return Some(self.too_long(start, end));
            }
            if !self.buffer[start..end].trim_ascii().is_empty() {
                return Some(Line::Whole(&self.buffer[start..end]));
            }
        }
    }

    /// The last line of a stream that ended without a line break.
    pub fn take_rest(&mut self) -> Option<Line<'_>> {
        let rest = self.start..self.buffer.len();
        self.start = rest.end;
        self.scanned = 0;
        let empty = self.discarding || self.buffer[rest.clone()].trim_ascii().is_empty();
        (!empty).then(|| Line::Whole(&self.buffer[rest]))
    }

    fn overflow(&mut self) -> Option<Line<'_>> {
        if self.discarding || self.scanned > self.limit {
            let (start, end) = (self.start, self.buffer.len());
            self.scanned = 0;
            if std::mem::replace(&mut self.discarding, true) {
                self.buffer.truncate(start);
                return None;
            }
            self.too_long(start, end);
            self.buffer.truncate(start);
            return Some(Line::TooLong(&self.beginning));
        }
        None
    }

    fn too_long(&mut self, start: usize, end: usize) -> Line<'_> {
        self.beginning.clear();
        self.beginning.extend_from_slice(&self.buffer[start..end.min(start + BEGINNING)]);
        Line::TooLong(&self.beginning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_fed_in_chunks(input: &[u8], chunk: usize, limit: usize) -> Vec<String> {
        let mut splitter = LineSplitter::new(limit);
        let mut seen = Vec::new();
        let text = |line: Line<'_>| match line {
            Line::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Line::TooLong(beginning) => {
                assert!(beginning.starts_with(b"0123456789AB"), "{beginning:?}");
                "<too long>".to_owned()
            }
        };
        for piece in input.chunks(chunk) {
            splitter.buffer().extend_from_slice(piece);
            while let Some(line) = splitter.take() {
                seen.push(text(line));
            }
        }
        seen.extend(splitter.take_rest().map(text));
        seen
    }

    #[test]
    fn lines_are_the_same_at_every_chunk_size() {
        let input = b"{\"a\":1}\r\n\n  \n[2]\n0123456789ABCDEF\n\"x\"\nlast";
        for chunk in [1, 2, 10, input.len()] {
            assert_eq!(
                lines_fed_in_chunks(input, chunk, 12),
                ["{\"a\":1}\r", "[2]", "<too long>", "\"x\"", "last"],
                "chunk size {chunk}"
            );
        }
    }

    #[test]
    fn an_endless_line_is_reported_once_and_not_kept() {
        let mut splitter = LineSplitter::new(1000);
        let mut reports = 0;
        for _ in 0..1000 {
            splitter.buffer().extend_from_slice(&[b'x'; 999]);
            while let Some(line) = splitter.take() {
                assert_eq!(line, Line::TooLong(&[b'x'; BEGINNING]));
                reports += 1;
            }
            assert!(splitter.buffer().len() <= 2000);
        }
        assert_eq!(reports, 1);
        splitter.buffer().extend_from_slice(b"\n{}\n");
        assert_eq!(splitter.take(), Some(Line::Whole(b"{}")));
    }
}
