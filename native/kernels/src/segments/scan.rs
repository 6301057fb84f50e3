//! One pass over a whole segment file, verifying everything and keeping only the columns.

use std::ops::Range;
use std::os::fd::BorrowedFd;

use rayon::prelude::*;

use super::window::Window;
use super::{COMMIT, HEADER, HEADER_AND_KEY, Head, MAGIC, damaged, read_at};
use crate::Id;
use crate::errors::{Error, Result};

/// So much of a file is read in one place, while other cores read on behind it.
const STRETCH: u64 = 8 << 20;

/// The entries of one segment in order, without their data.
#[derive(Debug, Default)]
pub struct SegmentEntries {
    pub tags: Vec<u8>,
    /// Zeros for COMMIT.
    pub keys: Vec<Id>,
    pub offsets: Vec<u32>,
    pub sizes: Vec<u32>,
    /// Length of the file.
    pub size_bytes: u64,
}

impl SegmentEntries {
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// Adds those that come next in the file.
    fn append(&mut self, next: Self) {
        self.tags.extend(next.tags);
        self.keys.extend(next.keys);
        self.offsets.extend(next.offsets);
        self.sizes.extend(next.sizes);
        self.size_bytes = next.size_bytes;
    }
}

/// All entries of a segment file. Reads with pread from offset 0 and leaves the descriptor's position alone; a long file is
/// read in several places at a time. The first damage in the file counts.
pub fn scan_segment(fd: BorrowedFd<'_>) -> Result<SegmentEntries> {
    let mut start = [0; MAGIC.len()];
    let count = read_at(fd, &mut start, 0)?;
    check_magic(&start[..count])?;
    let stretches = stretches(fd)?;
    let parts: Vec<Result<SegmentEntries>> = if stretches.len() > 1 {
        stretches.into_par_iter().map(|stretch| scan_stretch(fd, stretch)).collect()
    } else {
        stretches.into_iter().map(|stretch| scan_stretch(fd, stretch)).collect()
    };
    let mut all = SegmentEntries::default();
    for part in parts {
        all.append(part?);
    }
    Ok(all)
}

/// Parts of a file that begin and end where entries do, as far as their heads tell; the last one goes on to its end.
fn stretches(fd: BorrowedFd<'_>) -> Result<Vec<Range<u64>>> {
    let first = MAGIC.len() as u64;
    let length = rustix::fs::fstat(fd)
        .map_err(|errno| Error::os(errno, None))?
        .st_size
        .cast_unsigned();
    let mut stretches = Vec::new();
    let (mut start, mut offset) = (first, first);
    let mut bytes = [0; HEADER];
    // What is left is to be worth a stretch of its own.
    while offset + STRETCH < length && rayon::current_num_threads() > 1 {
        if read_at(fd, &mut bytes, offset)? < HEADER {
            break;
        }
        let head = Head::read(&bytes);
        if !head.is_plausible() {
            break;
        }
        offset += head.size as u64;
        if offset - start >= STRETCH && offset < length {
            stretches.push(start..offset);
            start = offset;
        }
    }
    stretches.push(start..u64::MAX);
    Ok(stretches)
}

/// The entries of a part of a file.
fn scan_stretch(fd: BorrowedFd<'_>, stretch: Range<u64>) -> Result<SegmentEntries> {
    let mut window = Window::new(fd, stretch.start);
    let mut entries = SegmentEntries::default();
    loop {
        let offset = window.offset();
        entries.size_bytes = offset;
        if offset >= stretch.end {
            return Ok(entries);
        }
        let ahead = window.peek(HEADER_AND_KEY)?;
        if ahead.is_empty() {
            return Ok(entries);
        }
        let Some(bytes) = ahead.first_chunk::<HEADER>() else {
            return Err(damaged(offset, "the file ends inside its header"));
        };
        let head = Head::parse(bytes, offset)?;
        let mut hasher = Head::hasher(bytes);
        let key = match ahead[HEADER..].first_chunk() {
            _ if head.tag == COMMIT => Id::default(),
            Some(key) => *key,
            None => return Err(damaged(offset, "the file ends inside its key")),
        };
        window.advance(HEADER);
        let mut left = head.size - HEADER;
        while left > 0 {
            let body = window.peek(1)?;
            if body.is_empty() {
                return Err(damaged(
                    offset,
                    format_args!("{left} of its {} bytes are missing at the end of the file", head.size),
                ));
            }
            let length = left.min(body.len());
            hasher.update(&body[..length]);
            window.advance(length);
            left -= length;
        }
        if hasher.finalize() != head.crc {
            return Err(damaged(offset, "wrong checksum"));
        }
        let Ok(position) = u32::try_from(offset) else {
            return Err(damaged(offset, "beyond what an index can point to"));
        };
        entries.tags.push(head.tag);
        entries.keys.push(key);
        entries.offsets.push(position);
        entries.sizes.push(head.size as u32);
    }
}

/// The same for several files at a time, each on some core, with what is wrong with each.
pub fn scan_segments(fds: &[BorrowedFd<'_>]) -> Vec<Result<SegmentEntries>> {
    fds.par_iter().map(|&fd| scan_segment(fd)).collect()
}

fn check_magic(start: &[u8]) -> Result<()> {
    match start.get(..MAGIC.len()) {
        Some(magic) if magic == MAGIC => Ok(()),
        Some(b"ATTICSEG") => Err(Error::integrity("segment file is one of Attic, not of Borg")),
        Some(_) => Err(Error::integrity("segment file has a wrong magic at offset 0")),
        None if start.is_empty() => Err(Error::integrity("segment file is empty")),
        None => Err(Error::integrity("segment file ends inside its magic at offset 0")),
    }
}
