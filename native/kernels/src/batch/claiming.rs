//! Referencing chunks: those that were read, and those of files that have not changed.

use std::ops::Range;

use super::FileBatch;
use super::entry::{BatchEntry, Content, Remembered};
use crate::chunking::{Chunk, ChunkBatch, ChunkList};
use crate::errors::Result;
use crate::index::{AHEAD, ChunkIndex, ChunkTable};

impl FileBatch {
    /// Adds a reference per chunk of a range of entries and returns the chunks that are new, for the caller to store.
    ///
    /// An unchanged file of which a chunk is gone by now has to be read after all: claiming ends there, for reading it may take
    /// so long that what has been claimed is committed meanwhile, and that must be in the archive.
    pub fn claim(&mut self, chunks: &ChunkIndex, start: usize, stop: usize) -> Result<ChunkBatch> {
        self.complete_ids();
        let stop = stop.min(self.entries.len());
        let mut read: Vec<Chunk> = Vec::new();
        let mut index = chunks.lock();
        for run in self.entries[start.min(stop)..stop].chunks_mut(AHEAD) {
            let ids = |entry: &BatchEntry| match &entry.content {
                Content::Unchanged(range) => range.clone(),
                _ => 0..0,
            };
            index.touch(run.iter().flat_map(|entry| &self.chunks.ids[ids(entry)]));
            if !claim_run(run, &mut self.chunks, &mut index, &mut read)? {
                break;
            }
        }
        let claims: Vec<_> = read.iter().map(|chunk| (chunk.id, chunk_size(chunk))).collect();
        let new = index.claim(&claims)?;
        drop(index);
        let mut new = new.into_iter().peekable();
        let claimed = read
            .into_iter()
            .enumerate()
            .filter(|(position, _)| new.next_if_eq(position).is_some());
        Ok(ChunkBatch {
            chunks: claimed.map(|(_, chunk)| chunk).collect(),
        })
    }
}

/// Adds the references of some entries, those that were read being gathered for later; false if one has to be read after all.
fn claim_run(run: &mut [BatchEntry], chunks: &mut ChunkList, index: &mut ChunkTable, read: &mut Vec<Chunk>) -> Result<bool> {
    for entry in run {
        match &mut entry.content {
            Content::Unchanged(range) => {
                let range = range.clone();
                if !reference_all(index, chunks, range.clone())? {
                    entry.content = Content::Bereft;
                    entry.remembered = Remembered::Incompletely;
                    return Ok(false);
                }
                entry.content = Content::Stored {
                    chunks: range,
                    was_read: false,
                };
            }
            Content::Bereft => return Ok(false),
            Content::Chunks(found) => {
                let found = std::mem::take(found);
                let start = chunks.len();
                for chunk in &found {
                    chunks.push(chunk.id, chunk_size(chunk), 0);
                }
                entry.content = Content::Stored {
                    chunks: start..chunks.len(),
                    was_read: true,
                };
                read.extend(found);
            }
            _ => {}
        }
    }
    Ok(true)
}

/// One more reference per occurrence, if every chunk is in the index, which then tells the sizes. Else false,
/// and nothing changes.
fn reference_all(index: &mut ChunkTable, chunks: &mut ChunkList, range: Range<usize>) -> Result<bool> {
    for position in range.clone() {
        let Some((size, csize)) = index.add_reference(&chunks.ids[position]) else {
            index.remove_references(&chunks.ids[range.start..position])?;
            return Ok(false);
        };
        chunks.sizes[position] = size;
        chunks.csizes[position] = csize;
    }
    Ok(true)
}

/// No chunker cuts chunks longer than 20 MiB.
fn chunk_size(chunk: &Chunk) -> u32 {
    u32::try_from(chunk.data.len()).unwrap_or(u32::MAX)
}
