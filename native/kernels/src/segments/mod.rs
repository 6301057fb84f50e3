//! Segment files as byte layouts: scanning, reading objects at known places, recovering what is left of a damaged one.
//!
//! ```text
//! file  = "BORG_SEG" entry*
//! entry = crc u32le | size u32le | tag u8 | body      size counts the whole entry, crc covers all but itself
//! body  = key 32, data (PUT 0) | key 32 (DELETE 1) | nothing (COMMIT 2)
//! ```
//!
//! Nothing here knows directories, transactions or what a key means. No entry leaves this module whose CRC was not verified.

mod copy;
mod deletes;
mod read;
mod recover;
mod scan;
mod window;

pub use copy::copy_entries;
pub use deletes::encode_deletes;
pub use read::{entry_sizes, read_objects};
pub use recover::find_entries;
pub use scan::{SegmentEntries, scan_segment, scan_segments};

use std::os::fd::BorrowedFd;

use crate::Id;
use crate::errors::{Error, Result};
use crate::interruptions::persistently;

pub const PUT: u8 = 0;
pub const DELETE: u8 = 1;
pub const COMMIT: u8 = 2;

const MAGIC: &[u8; 8] = b"BORG_SEG";
/// crc, size and tag.
const HEADER: usize = 9;
/// What comes before the data of a PUT.
pub const HEADER_AND_KEY: usize = HEADER + size_of::<Id>();
/// The largest entry.
const MAX_ENTRY: usize = 20 * 1024 * 1024;
/// The largest object: what a PUT can hold. Chunks are no larger either.
pub const MAX_DATA: usize = MAX_ENTRY - HEADER_AND_KEY;

/// The head of an entry, its CRC not verified yet.
#[derive(Clone, Copy)]
struct Head {
    crc: u32,
    size: usize,
    tag: u8,
}

impl Head {
    fn read(bytes: &[u8; HEADER]) -> Self {
        let [c0, c1, c2, c3, s0, s1, s2, s3, tag] = *bytes;
        let crc = u32::from_le_bytes([c0, c1, c2, c3]);
        Self {
            crc,
            size: u32::from_le_bytes([s0, s1, s2, s3]) as usize,
            tag,
        }
    }

    /// Whether an entry may begin so.
    fn is_plausible(self) -> bool {
        let least = if self.tag == COMMIT { HEADER } else { HEADER_AND_KEY };
        self.tag <= COMMIT && self.size >= least && self.size <= MAX_ENTRY
    }

    /// The head of the entry at `offset`, for the message if it is none.
    fn parse(bytes: &[u8; HEADER], offset: u64) -> Result<Self> {
        let head = Self::read(bytes);
        match head {
            _ if head.is_plausible() => Ok(head),
            Self { tag, .. } if tag > COMMIT => Err(damaged(offset, format_args!("unknown tag {tag}"))),
            Self { tag, size, .. } => Err(damaged(offset, format_args!("impossible size {size} for tag {tag}"))),
        }
    }

    /// The hash over size and tag, to be continued with the body.
    fn hasher(bytes: &[u8; HEADER]) -> crc32fast::Hasher {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[4..]);
        hasher
    }
}

/// Fills `buffer` from `offset` on as far as the file goes; returns how many bytes there were.
fn read_at(fd: BorrowedFd<'_>, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        let count = persistently(|| rustix::io::pread(fd, &mut buffer[filled..], offset + filled as u64));
        match count.map_err(|errno| Error::os(errno, None))? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

fn damaged(offset: u64, reason: impl std::fmt::Display) -> Error {
    Error::integrity(format!("segment entry at offset {offset}: {reason}"))
}
