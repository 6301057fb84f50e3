//! `Cutter`: bytes in, whole chunks out. The buffer that readers fill; what is not yet a chunk moves on to the next buffer.

use super::params::{Chunker, Cut};
use crate::memory::Shared;

pub(super) struct Cutter {
    chunker: Chunker,
    /// Begins at a chunk boundary.
    pub(super) pending: Vec<u8>,
    /// No cut in `pending` before here.
    examined: usize,
    /// Offset of `pending` in the file.
    position: u64,
}

impl Cutter {
    pub(super) fn new(chunker: Chunker) -> Self {
        Self {
            chunker,
            pending: Vec::new(),
            examined: 0,
            position: 0,
        }
    }

    /// The chunks that are certain by now, all that is left if the data have `ended`. They share the buffer; the rest is copied
    /// to a new one that has room for `room` bytes more.
    pub(super) fn take(&mut self, ended: bool, room: usize) -> Vec<Shared> {
        let mut ends = Vec::new();
        let mut start = 0;
        while start < self.pending.len() {
            match self.chunker.look(&self.pending[start..], self.position, self.examined, ended) {
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
        let rest = &self.pending[start..];
        let mut next = Vec::with_capacity(rest.len() + room);
        next.extend_from_slice(rest);
        let whole = Shared::from(std::mem::replace(&mut self.pending, next));
        let mut start = 0;
        ends.into_iter()
            .map(|end| whole.slice(std::mem::replace(&mut start, end)..end))
            .collect()
    }

    /// Back to the beginning of a file.
    pub(super) fn restart(&mut self) {
        self.pending.clear();
        self.examined = 0;
        self.position = 0;
    }
}
