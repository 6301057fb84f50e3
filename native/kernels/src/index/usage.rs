//! Sums over a chunk index, and over what some of its references come to.

use super::chunks::{ChunkTable, absent, raised, unpack};
use super::table::AHEAD;
use crate::Id;
use crate::errors::Result;

/// Sums over an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub size: u64,
    pub csize: u64,
    pub unique_size: u64,
    pub unique_csize: u64,
    pub unique_chunks: u64,
    pub chunks: u64,
}

impl ChunkTable {
    /// The sums over all entries.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for (_, entry) in self.entries() {
            usage.count(entry, true);
        }
        usage
    }

    /// Adds a reference per id to counts that lie beside the index, one for each of its places.
    pub fn count_beside(&self, ids: impl Iterator<Item = Id>, counts: &mut Vec<u32>) -> Result<()> {
        counts.resize(self.0.buckets(), 0);
        let mut ids = ids;
        let mut run = Vec::with_capacity(AHEAD);
        loop {
            run.clear();
            run.extend(ids.by_ref().take(AHEAD));
            if run.is_empty() {
                return Ok(());
            }
            self.0.touch(run.iter());
            for id in &run {
                let place = self.0.place(id).ok_or_else(|| absent(id))?;
                counts[place] = raised(counts[place], 1);
            }
        }
    }

    /// The sums over what these counts refer to; unique is what nothing else refers to.
    pub fn usage_of(&self, counts: &[u32]) -> Usage {
        let mut usage = Usage::default();
        for (place, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
            let (all, size, csize) = unpack(self.0.value(place));
            usage.count((count, size, csize), count == all);
        }
        usage
    }
}

impl Usage {
    fn count(&mut self, (count, size, csize): (u32, u32, u32), unique: bool) {
        let (count, size, csize) = (u64::from(count), u64::from(size), u64::from(csize));
        self.size = self.size.saturating_add(count * size);
        self.csize = self.csize.saturating_add(count * csize);
        self.chunks = self.chunks.saturating_add(count);
        if unique {
            self.unique_size += size;
            self.unique_csize += csize;
            self.unique_chunks += 1;
        }
    }
}
