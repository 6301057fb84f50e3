//! `ChunkBatch`, chunks with their plaintext, and `ChunkList`, what remains of a file's chunks once they are stored.

use std::collections::HashSet;
use std::sync::Arc;

use crate::Id;
use crate::errors::{Error, Result};
use crate::hashing::{ExpectedIds, IdHasher, IdQueue};
use crate::memory::Shared;

/// One plaintext chunk.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub id: Id,
    pub data: Shared,
}

/// Plaintext chunks in order.
#[derive(Clone, Debug, Default)]
pub struct ChunkBatch {
    pub chunks: Vec<Chunk>,
}

impl ChunkBatch {
    /// One chunk per buffer, with the ids of `hasher`.
    pub fn of(buffers: Vec<Shared>, hasher: &IdHasher) -> Self {
        let slices: Vec<&[u8]> = buffers.iter().map(|buffer| &**buffer).collect();
        let ids = hasher.digest_many(&slices);
        Self {
            chunks: ids.into_iter().zip(buffers).map(|(id, data)| Chunk { id, data }).collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub fn size_bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.data.len()).sum()
    }

    /// The chunks whose ids do not occur in `other`.
    pub fn without(&self, other: &Self) -> Self {
        let left_out: HashSet<&Id> = other.chunks.iter().map(|chunk| &chunk.id).collect();
        let rest = self.chunks.iter().filter(|chunk| !left_out.contains(&chunk.id));
        Self {
            chunks: rest.cloned().collect(),
        }
    }
}

/// Chunks in order some of which have no id yet.
#[derive(Default)]
pub struct Cuts {
    /// Those without id have one of zeros.
    chunks: ChunkBatch,
    nameless: Vec<usize>,
    ids: Option<ExpectedIds>,
}

impl Cuts {
    /// Chunks with the ids that are known; the others get theirs from the queue.
    pub fn new(mut pieces: Vec<(Option<Id>, Shared)>, queue: &Arc<IdQueue>) -> Self {
        for (id, data) in &mut pieces {
            *id = id.or_else(|| queue.id_of_zeros(data));
        }
        let numbered = pieces.iter().enumerate();
        let nameless: Vec<usize> = numbered
            .filter(|(_, (id, _))| id.is_none())
            .map(|(number, _)| number)
            .collect();
        let buffers: Vec<Shared> = nameless.iter().map(|&number| pieces[number].1.clone()).collect();
        let chunks = pieces.into_iter().map(|(id, data)| Chunk {
            id: id.unwrap_or_default(),
            data,
        });
        Self {
            chunks: ChunkBatch {
                chunks: chunks.collect(),
            },
            ids: (!nameless.is_empty()).then(|| queue.add(buffers)),
            nameless,
        }
    }

    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub fn size_bytes(&self) -> usize {
        self.chunks.size_bytes()
    }

    /// The chunks with all their ids.
    pub fn identified(mut self) -> ChunkBatch {
        let ids = self.ids.take().map(ExpectedIds::wait).unwrap_or_default();
        for (number, id) in self.nameless.into_iter().zip(ids) {
            self.chunks.chunks[number].id = id;
        }
        self.chunks
    }
}

/// The chunks of one file: ids, plaintext sizes and stored sizes (0 where unknown), each of the same length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkList {
    pub ids: Vec<Id>,
    pub sizes: Vec<u32>,
    pub csizes: Vec<u32>,
}

impl ChunkList {
    pub fn new(ids: Vec<Id>, sizes: Vec<u32>, csizes: Vec<u32>) -> Result<Self> {
        if ids.len() != sizes.len() || ids.len() != csizes.len() {
            return Err(Error::value("ids, sizes and csizes must be equally many"));
        }
        Ok(Self { ids, sizes, csizes })
    }

    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            ids: Vec::with_capacity(capacity),
            sizes: Vec::with_capacity(capacity),
            csizes: Vec::with_capacity(capacity),
        }
    }

    /// Appends the chunks of a batch, stored sizes unknown.
    pub fn extend(&mut self, batch: &ChunkBatch) -> Result<()> {
        for chunk in &batch.chunks {
            let size = u32::try_from(chunk.data.len()).map_err(|_| Error::value("a chunk of 4 GiB or more"))?;
            self.push(chunk.id, size, 0);
        }
        Ok(())
    }

    pub fn push(&mut self, id: Id, size: u32, csize: u32) {
        self.ids.push(id);
        self.sizes.push(size);
        self.csizes.push(csize);
    }

    /// Appends the chunks of another list.
    pub fn append(&mut self, mut other: Self) {
        self.ids.append(&mut other.ids);
        self.sizes.append(&mut other.sizes);
        self.csizes.append(&mut other.csizes);
    }

    /// Appends chunks of which neither size is known yet.
    pub fn extend_unsized(&mut self, ids: &[Id]) {
        self.ids.extend_from_slice(ids);
        self.sizes.resize(self.ids.len(), 0);
        self.csizes.resize(self.ids.len(), 0);
    }

    pub fn clear(&mut self) {
        self.ids.clear();
        self.sizes.clear();
        self.csizes.clear();
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn size_bytes(&self) -> u64 {
        self.sizes.iter().copied().map(u64::from).sum()
    }

    pub fn csize_bytes(&self) -> u64 {
        self.csizes.iter().copied().map(u64::from).sum()
    }

    /// A copy of the entries from `start` to `stop`, both clamped.
    pub fn part(&self, start: usize, stop: usize) -> Self {
        let stop = stop.min(self.len());
        let range = start.min(stop)..stop;
        Self {
            ids: self.ids[range.clone()].to_vec(),
            sizes: self.sizes[range.clone()].to_vec(),
            csizes: self.csizes[range].to_vec(),
        }
    }
}
