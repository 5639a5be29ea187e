//! Reading a `-wal` file without SQLite: does it belong to the database beside it?
//!
//! Source of the layout: <https://www.sqlite.org/fileformat.html#the_write_ahead_log>.

use super::connection::beside;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

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
