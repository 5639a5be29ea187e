//! Reading a `-wal` and a `-shm` file without SQLite: do they belong to the database beside them, and how far have
//! checkpoints come?
//!
//! Source of the layout: <https://www.sqlite.org/fileformat.html#the_write_ahead_log>.

use super::connection::beside;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// Pages that are compared after a checkpoint: more than one checkpoint moves, unless a reader held it up.
const MOST_COMPARED: usize = 4096;

/// Where a WAL of this many frames ends.
fn end(frames: u64, page_bytes: u64) -> u64 {
    HEADER + frames * (FRAME_HEADER + page_bytes)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Whether a checkpoint of this WAL into this database has begun: the WAL's lowest page is in the database as the WAL has
/// it. A checkpoint copies pages in their order, so one that was broken off has copied that page, or none.
pub(super) fn is_partly_moved(path: &Path) -> bool {
    lowest_page_is_moved(path).unwrap_or(false)
}

fn lowest_page_is_moved(path: &Path) -> io::Result<bool> {
    let (database, wal) = (File::open(path)?, File::open(beside(path, "-wal"))?);
    let mut header = [0; HEADER as usize];
    wal.read_exact_at(&mut header, 0)?;
    let Some(page_bytes) = number(&header, 8).filter(|bytes| (512..=65_536).contains(bytes)) else {
        return Ok(false);
    };
    // Frames with the salts of the header are of this WAL; those behind them were left by an earlier one.
    let mut lowest: Option<(u32, Vec<u64>)> = None;
    let mut frame = [0; FRAME_HEADER as usize];
    let mut at = HEADER;
    while wal.read_exact_at(&mut frame, at).is_ok() && frame[8..16] == header[16..24] {
        let Some(page) = number(&frame, 0).filter(|page| *page > 0) else { break };
        match &mut lowest {
            Some((lowest, versions)) if *lowest == page => versions.push(at + FRAME_HEADER),
            Some((lowest, _)) if *lowest < page => {}
            _ => lowest = Some((page, vec![at + FRAME_HEADER])),
        }
        at += FRAME_HEADER + u64::from(page_bytes);
    }
    let Some((page, versions)) = lowest else { return Ok(false) };
    let (mut there, mut version) = (vec![0; page_bytes as usize], vec![0; page_bytes as usize]);
    database.read_exact_at(&mut there, u64::from(page - 1) * u64::from(page_bytes))?;
    for at in versions {
        if wal.read_exact_at(&mut version, at).is_ok() && version == there {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The head of a `-shm` file, as far as it says what checkpoints did.
///
/// Source: <https://www.sqlite.org/walformat.html#the_wal_index_file_format>.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    page_bytes: u64,
    pages: u32,
    pub(super) frames: u32,
    pub(super) moved: u32,
    /// How far a checkpoint that is under way, or was broken off, is to come.
    pub(super) to_move: u32,
    /// Changes with each new beginning of the WAL, which follows a checkpoint of all of it.
    salts: [u8; 8],
}

impl Progress {
    pub(super) fn read(shm: &File) -> io::Result<Self> {
        let mut head = [0; 136];
        shm.read_exact_at(&mut head, 0)?;
        let number =
            |at: usize| head.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes);
        let mut salts = [0; 8];
        salts.copy_from_slice(&head[32..40]);
        // 1 stands for 65,536, which does not fit.
        let page_bytes = match u16::from_ne_bytes([head[14], head[15]]) {
            1 => 65_536,
            bytes => u64::from(bytes),
        };
        Ok(Self {
            page_bytes,
            pages: number(20),
            frames: number(16),
            moved: number(96),
            to_move: number(128),
            salts,
        })
    }

    /// Whether the database holds what the checkpoint moved that came from `before` to this: each page whose newest frame
    /// is among those. A file that can't be read shows nothing.
    pub(super) fn is_in(&self, database: &File, path: &Path, before: &Self) -> bool {
        let from = if self.salts == before.salts { before.moved } else { 0 };
        self.compare(database, path, from)
            .unwrap_or_else(|error| error.kind() != io::ErrorKind::UnexpectedEof)
    }

    fn compare(&self, database: &File, path: &Path, from: u32) -> io::Result<bool> {
        let wal = File::open(beside(path, "-wal"))?;
        let mut newest = BTreeMap::new();
        let mut frame = [0; FRAME_HEADER as usize];
        for number_of in from..self.frames {
            wal.read_exact_at(&mut frame, end(u64::from(number_of), self.page_bytes))?;
            newest.insert(number(&frame, 0).unwrap_or(0), number_of);
        }
        let mut there = vec![0; usize::try_from(self.page_bytes).unwrap_or(0)];
        let mut moved = there.clone();
        // Page 0 is none; those behind the end were cut off. A page that was written again stays until that is moved.
        let wanted = newest.range(1..=self.pages).filter(|(_, frame)| **frame < self.moved);
        for (page, frame) in wanted.take(MOST_COMPARED) {
            wal.read_exact_at(&mut moved, end(u64::from(*frame), self.page_bytes) + FRAME_HEADER)?;
            database.read_exact_at(&mut there, u64::from(page - 1) * self.page_bytes)?;
            if there != moved {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a WAL of this size lacks frames that were written to it.
    pub(super) fn is_more_than(&self, wal_bytes: u64) -> bool {
        self.frames > 0 && wal_bytes < end(u64::from(self.frames), self.page_bytes)
    }

    /// Whether a checkpoint ran between `before` and this, or may be running.
    pub(super) fn tells_of_a_checkpoint_since(&self, before: &Self) -> bool {
        (self.moved, self.to_move, self.salts) != (before.moved, before.to_move, before.salts)
            || self.to_move > self.moved
    }
}
