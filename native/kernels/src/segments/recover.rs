//! What of a damaged segment is still whole.

use std::ops::Range;
use std::os::fd::BorrowedFd;

use crc32fast::Hasher;

use super::window::Window;
use super::{HEADER, Head, MAGIC, read_at};
use crate::errors::Result;

/// Distance of the remembered checksums; a trade of memory (one in 1024) against work per suspected entry.
const STEP: usize = 4096;

/// Where every entry of a segment file is that is valid, wherever it begins; neighbours in one range. Behind a magic, the bytes
/// of these ranges make a segment that `scan_segment` accepts. Memory stays small, whatever the size of the file.
pub fn find_entries(fd: BorrowedFd<'_>) -> Result<Vec<Range<u64>>> {
    let checksums = Checksums::of(fd)?;
    let mut found: Vec<Range<u64>> = Vec::new();
    if checksums.length < (MAGIC.len() + HEADER) as u64 {
        return Ok(found);
    }
    let mut window = Window::new(fd, 0);
    while let Some(bytes) = window.peek(HEADER)?.first_chunk::<HEADER>() {
        let head = Head::read(bytes);
        let start = window.offset();
        let stop = start + head.size as u64;
        if head.is_plausible() && stop <= checksums.length && checksums.agree(start + 4..stop, head.crc)? {
            match found.last_mut() {
                Some(last) if last.end == start => last.end = stop,
                _ => found.push(start..stop),
            }
            window.seek(stop);
        } else {
            window.advance(1);
        }
    }
    Ok(found)
}

/// Verifies the CRC of any range in nearly constant time, so that random bytes that look like heads of big entries (in
/// every 3000th place) do not cost megabytes of hashing each: CRCs of adjacent ranges can be combined.
struct Checksums<'fd> {
    fd: BorrowedFd<'fd>,
    /// Of the file.
    length: u64,
    /// CRC of the bytes before each multiple of STEP.
    before: Vec<u32>,
}

impl<'fd> Checksums<'fd> {
    fn of(fd: BorrowedFd<'fd>) -> Result<Self> {
        let mut window = Window::new(fd, 0);
        let mut hasher = Hasher::new();
        let mut before = vec![0];
        while let Some(block) = window.peek(STEP)?.get(..STEP) {
            hasher.update(block);
            before.push(hasher.clone().finalize());
            window.advance(STEP);
        }
        let length = window.offset() + window.peek(0)?.len() as u64;
        Ok(Self { fd, length, before })
    }

    /// The hash of everything before `offset`.
    fn up_to(&self, offset: u64) -> Result<Hasher> {
        let mut rest = [0; STEP];
        let block = offset / STEP as u64;
        let start = block * STEP as u64;
        // Below STEP, and the number of a block of this file.
        let (size, block) = ((offset - start) as usize, block as usize);
        let count = read_at(self.fd, &mut rest[..size], start)?;
        let mut hasher = Hasher::new_with_initial_len(self.before[block], start);
        hasher.update(&rest[..count]);
        Ok(hasher)
    }

    /// Whether the bytes in this range have this CRC.
    fn agree(&self, range: Range<u64>, crc: u32) -> Result<bool> {
        let mut supposed = self.up_to(range.start)?;
        supposed.combine(&Hasher::new_with_initial_len(crc, range.end - range.start));
        Ok(supposed.finalize() == self.up_to(range.end)?.finalize())
    }
}
