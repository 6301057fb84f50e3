//! `StreamChunker`: cuts a stream that is pushed in pieces of any size.

use super::batch::ChunkBatch;
use super::cutter::Cutter;
use super::params::Chunker;
use crate::hashing::IdHasher;

/// The same cuts as for the whole stream, as soon as each is certain.
pub struct StreamChunker {
    cutter: Cutter,
    hasher: IdHasher,
}

impl StreamChunker {
    pub fn new(chunker: Chunker, hasher: IdHasher) -> Self {
        Self {
            cutter: Cutter::new(chunker),
            hasher,
        }
    }

    /// Takes `data` and returns the chunks that are complete now.
    pub fn feed(&mut self, data: &[u8]) -> ChunkBatch {
        self.feed_pieces(std::iter::once(data), data.len())
    }

    /// The same for a stream that comes in other chunks.
    pub fn feed_batch(&mut self, batch: &ChunkBatch) -> ChunkBatch {
        self.feed_pieces(batch.chunks.iter().map(|chunk| &*chunk.data), batch.size_bytes())
    }

    fn feed_pieces<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>, length: usize) -> ChunkBatch {
        let mut space = self.cutter.space(length);
        for piece in pieces {
            let (place, behind) = space.split_at_mut(piece.len());
            place.copy_from_slice(piece);
            space = behind;
        }
        self.cutter.accept(length);
        ChunkBatch::of(self.cutter.take(false, 0), &self.hasher)
    }

    /// Cuts what is left as if the stream ended here, and starts anew.
    pub fn finish(&mut self) -> ChunkBatch {
        let rest = self.cutter.take(true, 0);
        self.cutter.restart();
        ChunkBatch::of(rest, &self.hasher)
    }
}
