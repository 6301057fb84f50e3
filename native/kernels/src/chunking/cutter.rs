//! `Cutter`: bytes in, whole chunks out. The buffer that readers fill; what is not yet a chunk moves on to the next buffer.

use super::cut::Cut;
use super::params::Chunker;
use crate::memory::{self, Shared};

pub(super) struct Cutter {
    chunker: Chunker,
    /// Begins at a chunk boundary. Only the first `filled` bytes are content, the rest is space for more.
    buffer: Vec<u8>,
    filled: usize,
    /// Where the chunks end that are certain by now.
    ends: Vec<usize>,
    /// No cut so soon after the last of them.
    examined: usize,
    /// How much was there at the last look for cuts.
    looked_at: usize,
    /// Offset of the last of the cuts in the file.
    position: u64,
}

/// How much to look at together: it is still in the cache then.
const FRESH_BYTES: usize = 512 * 1024;

impl Cutter {
    pub(super) fn new(chunker: Chunker) -> Self {
        Self {
            chunker,
            buffer: Vec::new(),
            filled: 0,
            ends: Vec::new(),
            examined: 0,
            looked_at: 0,
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
        if self.filled - self.looked_at >= FRESH_BYTES {
            self.look(false);
        }
    }

    /// Finds cuts.
    fn look(&mut self, ended: bool) {
        self.looked_at = self.filled;
        let mut start = self.ends.last().copied().unwrap_or_default();
        while start < self.filled {
            let content = &self.buffer[start..self.filled];
            match self.chunker.look(content, self.position, self.examined, ended) {
                Cut::At(size) => {
                    start += size;
                    self.position += size as u64;
                    self.examined = 0;
                    self.ends.push(start);
                }
                Cut::NotBefore(examined) => {
                    self.examined = examined;
                    break;
                }
            }
        }
    }

    /// The chunks that are certain by now, all that is left if the data have `ended`. They share the buffer; the rest is copied
    /// to a new one that has space for `room` bytes more.
    pub(super) fn take(&mut self, ended: bool, room: usize) -> Vec<Shared> {
        self.look(ended);
        let ends = std::mem::take(&mut self.ends);
        let start = ends.last().copied().unwrap_or_default();
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
        self.looked_at = self.filled;
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
        self.ends.clear();
        self.looked_at = 0;
        self.examined = 0;
        self.position = 0;
    }
}
