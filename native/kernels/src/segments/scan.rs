//! One pass over a whole segment file, verifying everything and keeping only the columns.

use std::os::fd::BorrowedFd;

use super::{COMMIT, HEADER, HEADER_AND_KEY, Head, MAGIC, damaged, read_at};
use crate::Id;
use crate::errors::{Error, Result};

const WINDOW: usize = 1024 * 1024;

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
}

/// All entries of a segment file. Reads with pread from offset 0 and leaves the descriptor's position alone.
pub fn scan_segment(fd: BorrowedFd<'_>) -> Result<SegmentEntries> {
    let mut window = Window::new(fd);
    check_magic(window.peek(MAGIC.len())?)?;
    window.advance(MAGIC.len());
    let mut entries = SegmentEntries::default();
    loop {
        let offset = window.offset();
        let ahead = window.peek(HEADER_AND_KEY)?;
        if ahead.is_empty() {
            entries.size_bytes = offset;
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
        #[allow(clippy::cast_possible_truncation)]
        entries.sizes.push(head.size as u32);
    }
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

/// A buffer that slides over the file.
struct Window<'fd> {
    fd: BorrowedFd<'fd>,
    buffer: Vec<u8>,
    start: usize,
    stop: usize,
    /// Where in the file `stop` is.
    file_offset: u64,
}

impl<'fd> Window<'fd> {
    fn new(fd: BorrowedFd<'fd>) -> Self {
        Self {
            fd,
            buffer: vec![0; WINDOW],
            start: 0,
            stop: 0,
            file_offset: 0,
        }
    }

    /// The offset in the file of the next byte.
    fn offset(&self) -> u64 {
        self.file_offset - (self.stop - self.start) as u64
    }

    /// What lies ahead: `least` bytes or more, less only at the end of the file.
    fn peek(&mut self, least: usize) -> Result<&[u8]> {
        if self.stop - self.start < least {
            self.buffer.copy_within(self.start..self.stop, 0);
            self.stop -= self.start;
            self.start = 0;
            let count = read_at(self.fd, &mut self.buffer[self.stop..], self.file_offset)?;
            self.stop += count;
            self.file_offset += count as u64;
        }
        Ok(&self.buffer[self.start..self.stop])
    }

    fn advance(&mut self, count: usize) {
        self.start += count;
    }
}
