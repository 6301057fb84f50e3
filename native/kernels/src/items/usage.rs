//! What one archive refers to of all that an index knows, counted chunk by chunk of its item stream.

use std::sync::Arc;

use super::framing::ItemFrames;
use super::references::{ItemReferences, item_references};
use crate::errors::Result;
use crate::index::{ChunkIndex, ChunkTable, Usage};
use crate::msgpack::Reader;

/// The references of one archive, each beside the entry of the index that it refers to.
pub struct ContentUsage {
    index: ChunkTable,
    counts: Vec<u32>,
}

impl ContentUsage {
    /// With the index as it is now, which has to know all that the archive refers to.
    pub fn new(index: &ChunkIndex) -> Self {
        Self {
            index: index.snapshot(),
            counts: Vec::new(),
        }
    }

    /// Goes on in a stream with these chunks. Returns how many were taken completely, as `ReferenceTally::count` does.
    pub fn count<'a>(
        &mut self,
        frames: &mut ItemFrames,
        chunks: impl Iterator<Item = &'a Arc<ItemReferences>>,
    ) -> Result<usize> {
        let mut taken = 0;
        for chunk in chunks {
            let is_whole = chunk.feed(frames, |references, _| {
                let ids = references.iter().map(|&(id, ..)| id);
                self.index.count_beside(ids, &mut self.counts)
            })?;
            if !is_whole {
                break;
            }
            taken += 1;
        }
        Ok(taken)
    }

    /// The same with a piece of the stream.
    pub fn count_piece(&mut self, frames: &mut ItemFrames, piece: &[u8]) -> Result<()> {
        let mut found = Vec::new();
        frames.feed(piece, |packed| {
            found.clear();
            item_references(&mut Reader::new(packed), &mut found)?;
            let ids = found.iter().map(|&(id, ..)| id);
            self.index.count_beside(ids, &mut self.counts)
        })
    }

    /// The sums over all references; unique is what only this archive refers to.
    pub fn sums(&self) -> Usage {
        self.index.usage_of(&self.counts)
    }
}
