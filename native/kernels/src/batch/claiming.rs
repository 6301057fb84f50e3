//! Referencing chunks: those that were read, and those of files that have not changed.

use super::FileBatch;
use super::entry::Content;
use crate::Id;
use crate::chunking::{Chunk, ChunkBatch, ChunkList};
use crate::errors::Result;
use crate::index::{ChunkIndex, ChunkTable};

impl FileBatch {
    /// Adds a reference per chunk of a range of entries and returns the chunks that are new, for the caller to store.
    ///
    /// An unchanged file of which a chunk is gone by now has to be read after all: claiming ends there, for reading it may take
    /// so long that what has been claimed is committed meanwhile, and that must be in the archive.
    pub fn claim(&mut self, chunks: &ChunkIndex, start: usize, stop: usize) -> Result<ChunkBatch> {
        let stop = stop.min(self.entries.len());
        let mut read: Vec<Chunk> = Vec::new();
        let mut index = chunks.lock();
        for entry in &mut self.entries[start.min(stop)..stop] {
            match &mut entry.content {
                Content::Unchanged(ids) => {
                    entry.content = match reference_all(&mut index, ids)? {
                        Some(list) => Content::Stored { list, was_read: false },
                        None => Content::Bereft,
                    };
                    if matches!(entry.content, Content::Bereft) {
                        break;
                    }
                }
                Content::Bereft => break,
                Content::Chunks(found) => {
                    let found = std::mem::take(found);
                    let mut list = ChunkList::with_capacity(found.len());
                    for chunk in &found {
                        list.push(chunk.id, chunk_size(chunk), 0);
                    }
                    entry.content = Content::Stored { list, was_read: true };
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

/// One more reference per occurrence, if every chunk is in the index: then their list, with the sizes as the index has them.
fn reference_all(index: &mut ChunkTable, ids: &[Id]) -> Result<Option<ChunkList>> {
    let mut list = ChunkList::with_capacity(ids.len());
    for (position, id) in ids.iter().enumerate() {
        let Some((size, csize)) = index.add_reference(id) else {
            index.remove_references(&ids[..position])?;
            return Ok(None);
        };
        list.push(*id, size, csize);
    }
    Ok(Some(list))
}

/// No chunker cuts chunks longer than 20 MiB.
fn chunk_size(chunk: &Chunk) -> u32 {
    u32::try_from(chunk.data.len()).unwrap_or(u32::MAX)
}
