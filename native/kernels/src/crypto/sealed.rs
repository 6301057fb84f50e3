//! `SealedBatch`: stored objects in one piece of memory, laid out as they go into a segment file.
//!
//! ```text
//! entry = crc u32le | size u32le | tag 0 | key 32 | object       size counts all of it, crc covers all but itself
//! ```

use std::ops::Range;

use crate::Id;
use crate::memory::Shared;

/// crc, size, tag and key.
pub(super) const ENTRY_HEAD: usize = 41;
pub(super) const PUT: u8 = 0;

/// Objects ready to be appended to a segment. Immutable.
pub struct SealedBatch {
    ids: Vec<Id>,
    /// Where each entry begins, and where the last one ends.
    starts: Vec<usize>,
    memory: Shared,
}

impl SealedBatch {
    pub(super) fn new(ids: Vec<Id>, starts: Vec<usize>, memory: Vec<u8>) -> Self {
        debug_assert_eq!((starts.len(), starts.last()), (ids.len() + 1, Some(&memory.len())));
        Self {
            ids,
            starts,
            memory: Shared::from(memory),
        }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn ids(&self) -> &[Id] {
        &self.ids
    }

    /// Length of each object without the head of its entry.
    pub fn sizes(&self) -> impl ExactSizeIterator<Item = u32> {
        // An object is at most 20 MiB, or it would not have been sealed.
        self.starts.windows(2).map(|ends| (ends[1] - ends[0] - ENTRY_HEAD) as u32)
    }

    /// One object without the head of its entry.
    pub fn object(&self, index: usize) -> Option<Shared> {
        let range = *self.starts.get(index)? + ENTRY_HEAD..*self.starts.get(index + 1)?;
        Some(self.memory.slice(range))
    }

    /// Where to stop so that every entry from `start` begins at or below `limit`, if the first begins at `offset`.
    pub fn fit(&self, start: usize, offset: u64, limit: u64) -> usize {
        let entries = &self.starts[self.clamp(start, self.len())];
        let first = entries.first().copied().unwrap_or_default();
        start + entries.partition_point(|&begin| offset + (begin - first) as u64 <= limit)
    }

    /// The entries from `start` to `stop`.
    pub fn entries(&self, start: usize, stop: usize) -> Shared {
        let range = self.clamp(start, stop);
        self.memory.slice(self.starts[range.start]..self.starts[range.end])
    }

    /// Where those entries begin if the first begins at `offset`.
    pub fn offsets(&self, start: usize, stop: usize, offset: u64) -> Vec<u64> {
        let entries = &self.starts[self.clamp(start, stop)];
        let first = entries.first().copied().unwrap_or_default();
        entries.iter().map(|&begin| offset + (begin - first) as u64).collect()
    }

    fn clamp(&self, start: usize, stop: usize) -> Range<usize> {
        let stop = stop.min(self.len());
        start.min(stop)..stop
    }
}
