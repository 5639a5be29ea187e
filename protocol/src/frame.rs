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

/// A buffer that grew beyond this is freed once it is empty, so that idle memory stays bounded.
const KEEP_CAPACITY: usize = 64 * 1024;

/// Room in the buffer before a read: less would take many reads for what has arrived.
const ROOM: usize = 16 * 1024;

/// Room before a read that continues a long line.
const ROOM_WITHIN_LINE: usize = 64 * 1024;

impl LineSplitter {
    /// A splitter for lines of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, buffer: Vec::new(), start: 0, scanned: 0, discarding: false, beginning: Vec::new() }
    }

    /// The buffer to append received bytes to. It has room for a read of sensible size.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        let room = if self.buffer.len() - self.start < ROOM { ROOM } else { ROOM_WITHIN_LINE };
        if self.start > 0 && self.buffer.capacity() - self.buffer.len() < room {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            if self.buffer.capacity() > KEEP_CAPACITY {
                self.buffer = Vec::new();
            }
        }
        self.buffer.reserve(room);
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

    /// Reads `input` as from a socket that has all of it: each read fills the room in the buffer. Returns the number of
    /// reads.
    fn read_all(splitter: &mut LineSplitter, mut input: &[u8]) -> usize {
        let mut reads = 0;
        while !input.is_empty() {
            let buffer = splitter.buffer();
            let room = buffer.capacity() - buffer.len();
            let (read, rest) = input.split_at(room.min(input.len()));
            buffer.extend_from_slice(read);
            (input, reads) = (rest, reads + 1);
            while splitter.take().is_some() {}
        }
        reads
    }

    #[test]
    fn reads_are_few_for_short_and_for_long_lines() {
        let mut splitter = LineSplitter::new(32 << 20);
        let long = ["x".repeat(200_000), "\n".to_owned()].concat();
        for _ in 0..3 {
            let reads = read_all(&mut splitter, long.as_bytes());
            assert!(reads <= 5, "{reads} reads of a line of 200 KB");
            assert!(splitter.buffer().capacity() <= KEEP_CAPACITY, "idle memory is bounded");
        }
        let short = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n".repeat(1000);
        let reads = read_all(&mut splitter, short.as_bytes());
        assert!(reads <= 4, "{reads} reads of {} bytes of short lines", short.len());
        assert!(splitter.buffer().capacity() <= KEEP_CAPACITY);
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
