//! Counting for many archives at once: a chunk of their item streams that was met again and again is added up once.

use std::collections::HashMap;
use std::sync::Arc;

use super::framing::ItemFrames;
use super::references::ItemReferences;
use crate::Id;
use crate::errors::Result;
use crate::index::ChunkTable;

/// What waits for being added may take this much memory.
const LIMIT_BYTES: usize = 64 << 20;

/// Chunks of item streams, and how often each was met since the index was last brought up to date.
#[derive(Default)]
pub struct ReferenceTally {
    /// In the order in which they were first met, which makes the index the same each time.
    met: Vec<(Arc<ItemReferences>, u32)>,
    places: HashMap<Id, usize>,
    bytes: usize,
}

impl ReferenceTally {
    /// Adds the references to chunks that come next in a stream, and notes those in them.
    ///
    /// Returns how many were taken completely. If not all were, the rest of the next one after its head must be fed as a piece.
    pub fn count<'a>(
        &mut self,
        frames: &mut ItemFrames,
        chunks: impl Iterator<Item = &'a Arc<ItemReferences>>,
        index: &mut ChunkTable,
    ) -> Result<usize> {
        let mut taken = 0;
        for chunk in chunks {
            index.add_all(&[chunk.own], 1)?;
            if !chunk.feed_ends(frames, |references, _| index.add_all(references, 1))? {
                break;
            }
            self.note(chunk);
            if self.bytes > LIMIT_BYTES {
                self.settle(index)?;
            }
            taken += 1;
        }
        Ok(taken)
    }

    /// Adds all that was noted.
    pub fn settle(&mut self, index: &mut ChunkTable) -> Result<()> {
        self.bytes = 0;
        self.places.clear();
        self.met
            .drain(..)
            .try_for_each(|(chunk, times)| index.add_all(chunk.inner(), times))
    }

    fn note(&mut self, chunk: &Arc<ItemReferences>) {
        let place = *self.places.entry(chunk.own.0).or_insert_with(|| {
            self.bytes += chunk.memory_bytes();
            self.met.push((Arc::clone(chunk), 0));
            self.met.len() - 1
        });
        self.met[place].1 += 1;
    }
}
