//! Referencing the chunks that were read, and letting go of what failed.

use super::FileBatch;
use super::entry::Content;
use crate::chunking::{Chunk, ChunkBatch, ChunkList};
use crate::errors::Result;
use crate::index::ChunkIndex;

impl FileBatch {
    /// Adds a reference per chunk that `read` produced and returns those that are new, for the caller to store.
    pub fn claim(&mut self, chunks: &ChunkIndex) -> Result<ChunkBatch> {
        let mut read: Vec<Chunk> = Vec::new();
        let mut index = chunks.lock();
        for entry in &mut self.entries {
            match &mut entry.content {
                Content::Failed { referenced, .. } => {
                    let released = std::mem::take(referenced);
                    index.remove_references(&released)?;
                }
                Content::Chunks(found) => {
                    let found = std::mem::take(found);
                    let mut list = ChunkList::default();
                    for chunk in &found {
                        list.push(chunk.id, chunk_size(chunk), 0);
                    }
                    entry.content = Content::Stored(list);
                    read.extend(found);
                }
                _ => {}
            }
        }
        let new = index.claim(read.iter().map(|chunk| (chunk.id, chunk_size(chunk))))?;
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

/// No chunker cuts chunks longer than 20 MiB.
fn chunk_size(chunk: &Chunk) -> u32 {
    u32::try_from(chunk.data.len()).unwrap_or(u32::MAX)
}
