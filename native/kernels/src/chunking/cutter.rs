//! `Cutter`: bytes in, whole chunks out. The buffer that readers fill; what is not yet a chunk moves on to the next buffer.

use super::cut::Cut;
use super::params::Chunker;
use crate::memory::{self, Shared};

pub(super) struct Cutter {
    chunker: Chunker,
    /// Begins at a chunk boundary. Only the first `filled` bytes are content, the rest is space for more.
    buffer: Vec<u8>,
    filled: usize,
    /// No cut before here.
    examined: usize,
    /// Offset of the buffer in the file.
    position: u64,
}

impl Cutter {
    pub(super) fn new(chunker: Chunker) -> Self {
        Self {
            chunker,
            buffer: Vec::new(),
            filled: 0,
            examined: 0,
            position: 0,
        }
    }

    /// Space for the next `count` bytes of content; tell with `accept` how many were put there.
    pub(super) fn space(&mut self, count: usize) -> &mut [u8] {
        let end = self.filled + count;
        if self.buffer.capacity() == 0 {
            self.buffer = memory::scratch_buffer(count);
        } else if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.filled..end]
    }

    pub(super) fn accept(&mut self, count: usize) {
        self.filled += count;
    }

    /// The chunks that are certain by now, all that is left if the data have `ended`. They share the buffer; the rest is copied
    /// to a new one that has space for `room` bytes more.
    pub(super) fn take(&mut self, ended: bool, room: usize) -> Vec<Shared> {
        let mut ends = Vec::new();
        let mut start = 0;
        while start < self.filled {
            let content = &self.buffer[start..self.filled];
            match self.chunker.look(content, self.position, self.examined, ended) {
                Cut::At(size) => {
                    start += size;
                    self.position += size as u64;
                    self.examined = 0;
                    ends.push(start);
                }
                Cut::NotBefore(examined) => {
                    self.examined = examined;
                    break;
                }
            }
        }
        if ends.is_empty() {
            return Vec::new();
        }
        let rest = &self.buffer[start..self.filled];
        let mut next = Vec::new();
        if !rest.is_empty() || room > 0 {
            next = memory::scratch_buffer(rest.len() + room);
            next[..rest.len()].copy_from_slice(rest);
        }
        self.filled = rest.len();
        let mut full = std::mem::replace(&mut self.buffer, next);
        full.truncate(start);
        let whole = Shared::from(full);
        let mut start = 0;
        ends.into_iter()
            .map(|end| whole.slice(std::mem::replace(&mut start, end)..end))
            .collect()
    }

    /// Back to the beginning of a file.
    pub(super) fn restart(&mut self) {
        self.filled = 0;
        self.examined = 0;
        self.position = 0;
    }
}
