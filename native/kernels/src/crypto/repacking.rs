//! Which stored objects a new compressor would pack otherwise.

use rayon::prelude::*;

use super::Opener;
use crate::chunking::{Chunk, ChunkBatch};
use crate::compression::Compressor;
use crate::errors::{Error, Result};
use crate::parallel;

impl Opener {
    /// The plaintexts of several objects as chunks; their ids are those that the plaintexts were verified by.
    pub fn open_batch(&self, stored: &[&[u8]], ids: &[crate::Id]) -> Result<ChunkBatch> {
        let plains = self.open_many(stored, ids)?.into_iter();
        Ok(ChunkBatch {
            chunks: ids.iter().zip(plains).map(|(&id, data)| Chunk { id, data }).collect(),
        })
    }

    /// Those of `chunks` whose objects, `stored` in the same order, are packed by another method than `compressor` chooses.
    pub fn packed_otherwise(&self, stored: &[&[u8]], chunks: &ChunkBatch, compressor: &Compressor) -> Result<ChunkBatch> {
        let chunks = &chunks.chunks;
        if stored.len() != chunks.len() {
            return Err(Error::value(format!("{} objects of {} chunks", stored.len(), chunks.len())));
        }
        let bytes = chunks.iter().map(|chunk| chunk.data.len()).sum();
        let is_other = |(object, chunk): (&&[u8], &Chunk)| {
            let header = self.compression_header(object, &chunk.id)?;
            compressor.chooses_other(header, &chunk.data)
        };
        let others: Vec<bool> = if parallel::is_worthwhile(chunks.len(), bytes) {
            stored.par_iter().zip(chunks).map(is_other).collect::<Result<_>>()?
        } else {
            stored.iter().zip(chunks).map(is_other).collect::<Result<_>>()?
        };
        let chosen = chunks.iter().zip(others).filter(|(_, is_other)| *is_other);
        Ok(ChunkBatch {
            chunks: chosen.map(|(chunk, _)| chunk.clone()).collect(),
        })
    }
}
