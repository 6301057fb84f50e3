//! Reading a segment file from front to back.

use std::os::fd::BorrowedFd;

use super::read_at;
use crate::errors::Result;
use crate::memory;

/// What is read at once is looked at while it is in the nearest cache.
const WINDOW: usize = 256 * 1024;

/// A buffer that slides over the file.
pub struct Window<'fd> {
    fd: BorrowedFd<'fd>,
    buffer: Vec<u8>,
    start: usize,
    stop: usize,
    /// Where in the file `stop` is.
    file_offset: u64,
}

impl<'fd> Window<'fd> {
    pub fn new(fd: BorrowedFd<'fd>, file_offset: u64) -> Self {
        Self {
            fd,
            buffer: memory::scratch_buffer(WINDOW),
            start: 0,
            stop: 0,
            file_offset,
        }
    }

    /// The offset in the file of the next byte.
    pub fn offset(&self) -> u64 {
        self.file_offset - (self.stop - self.start) as u64
    }

    /// What lies ahead: `least` bytes or more, less only at the end of the file.
    pub fn peek(&mut self, least: usize) -> Result<&[u8]> {
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

    pub fn advance(&mut self, count: usize) {
        self.start += count;
    }

    /// Goes on at this offset of the file; what has been read already is kept as far as it lies behind it.
    pub fn seek(&mut self, offset: u64) {
        let ahead = offset
            .checked_sub(self.offset())
            .and_then(|count| usize::try_from(count).ok());
        match ahead {
            Some(count) if count <= self.stop - self.start => self.start += count,
            _ => {
                self.start = 0;
                self.stop = 0;
                self.file_offset = offset;
            }
        }
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        memory::recycle(std::mem::take(&mut self.buffer));
    }
}
