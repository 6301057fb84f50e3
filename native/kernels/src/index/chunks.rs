//! The chunk index: chunk id -> (refcount, size, csize), with the counting rules of Borg's cache.

use std::sync::{Mutex, MutexGuard, TryLockError};

use super::table::{AHEAD, MAX_VALUE, Slot, Table};
use crate::chunking::ChunkBatch;
use crate::crypto::SealedBatch;
use crate::errors::{Error, Result};
use crate::locks::lock;
use crate::memory::Shared;
use crate::{Id, hex};

/// The index as one thread uses it.
#[derive(Clone)]
pub struct ChunkTable(pub(super) Table<12>);

/// The index as threads share it.
pub struct ChunkIndex(Mutex<ChunkTable>);

impl ChunkIndex {
    pub fn new(capacity: usize) -> Result<Self> {
        Ok(Self(Mutex::new(ChunkTable(Table::with_capacity(capacity)?))))
    }

    pub fn load(data: Shared) -> Result<Self> {
        Ok(Self(Mutex::new(ChunkTable(Table::load(data)?))))
    }

    pub fn lock(&self) -> MutexGuard<'_, ChunkTable> {
        lock(&self.0)
    }

    /// The lock if it is free right now.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, ChunkTable>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// A copy at this moment, cheap because memory is shared until one side changes. Lets two indexes meet without two locks.
    pub fn snapshot(&self) -> ChunkTable {
        self.lock().clone()
    }

    pub fn add(&self, id: &Id, refcount: u32, size: u32, csize: u32) -> Result<u32> {
        self.lock().add(id, refcount, size, csize)
    }

    /// Adds one reference per chunk and returns those that were new: exactly one caller gets each to store.
    pub fn claim(&self, batch: &ChunkBatch) -> Result<ChunkBatch> {
        let size = |length| u32::try_from(length).map_err(|_| Error::value(format!("a chunk of {length} bytes")));
        let sizes = batch
            .chunks
            .iter()
            .map(|chunk| size(chunk.data.len()).map(|size| (chunk.id, size)));
        let sizes = sizes.collect::<Result<Vec<_>>>()?;
        let new = self.lock().claim(&sizes)?;
        let chunks = new.into_iter().map(|position| batch.chunks[position].clone()).collect();
        Ok(ChunkBatch { chunks })
    }

    /// Records the stored sizes of claimed chunks once they are sealed.
    pub fn settle(&self, batch: &SealedBatch) -> Result<()> {
        self.lock().settle(batch.ids(), batch.sizes())
    }
}

impl ChunkTable {
    pub fn save(&self) -> Shared {
        self.0.save()
    }

    pub fn save_compact(&self) -> Shared {
        self.0.save_compact()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// (refcount, size, csize) of a chunk.
    pub fn get(&mut self, id: &Id) -> Option<(u32, u32, u32)> {
        match self.0.find(id) {
            Slot::Found(bucket) => Some(unpack(self.0.value(bucket))),
            Slot::Free(_) => None,
        }
    }

    /// Begins to look these up: see `AHEAD`.
    pub fn touch<'a>(&self, ids: impl Iterator<Item = &'a Id>) {
        self.0.touch(ids);
    }

    /// Inserts or overwrites an entry.
    pub fn insert(&mut self, id: Id, refcount: u32, size: u32, csize: u32) -> Result<()> {
        self.0.set(&id, pack(checked_count(refcount)?, size, csize))
    }

    /// Raises the count of a known chunk by one and returns its size and csize; None if it is not known.
    pub fn add_reference(&mut self, id: &Id) -> Option<(u32, u32)> {
        let Slot::Found(bucket) = self.0.find(id) else { return None };
        let (count, size, csize) = unpack(self.0.value(bucket));
        self.0.set_value(bucket, pack(raised(count, 1), size, csize));
        Some((size, csize))
    }

    /// Raises the count by `refcount`, inserting if absent; returns the new count. Sizes of 0 mean unknown.
    pub fn add(&mut self, id: &Id, refcount: u32, size: u32, csize: u32) -> Result<u32> {
        let refcount = checked_count(refcount)?;
        match self.0.find(id) {
            Slot::Found(bucket) => {
                let (count, known_size, known_csize) = unpack(self.0.value(bucket));
                let size = agreed_size(id, known_size, size)?;
                // The same chunk may be stored anew with another compression: the later size is the current one.
                let csize = if csize == 0 { known_csize } else { csize };
                let count = raised(count, refcount);
                self.0.set_value(bucket, pack(count, size, csize));
                Ok(count)
            }
            Slot::Free(free) => {
                self.0.insert(id, pack(refcount, size, csize), free)?;
                Ok(refcount)
            }
        }
    }

    /// Adds so many references for each (id, size, csize).
    pub fn add_all(&mut self, references: &[(Id, u32, u32)], times: u32) -> Result<()> {
        for run in references.chunks(AHEAD) {
            self.0.touch(run.iter().map(|(id, ..)| id));
            for (id, size, csize) in run {
                self.add(id, times, *size, *csize)?;
            }
        }
        Ok(())
    }

    /// Enters ids that are stored, though nobody knows how large or how often used: their count never changes again.
    pub fn assume(&mut self, ids: &[Id]) -> Result<()> {
        ids.iter().try_for_each(|id| self.insert(*id, MAX_VALUE, 0, 0))
    }

    /// Raises the count of every id by one; fails without change if one is absent.
    pub fn add_references(&mut self, ids: &[Id]) -> Result<()> {
        if let Some(id) = ids.iter().find(|id| self.get(id).is_none()) {
            return Err(absent(id));
        }
        for id in ids {
            self.add_reference(id);
        }
        Ok(())
    }

    /// The stored size of every id.
    pub fn csizes(&mut self, ids: &[Id]) -> Result<Vec<u32>> {
        ids.iter()
            .map(|id| self.get(id).map(|(_, _, csize)| csize).ok_or_else(|| absent(id)))
            .collect()
    }

    /// One byte per id: 1 if it is not in the index, else 0.
    pub fn missing(&mut self, ids: &[Id]) -> Vec<u8> {
        ids.iter().map(|id| u8::from(self.get(id).is_none())).collect()
    }

    /// Adds one reference per (id, size); returns the positions of those that were new and are now the caller's to store.
    pub fn claim(&mut self, chunks: &[(Id, u32)]) -> Result<Vec<usize>> {
        // Checked before anything is claimed: an error must not leave claims behind that nobody will store.
        for run in chunks.chunks(AHEAD) {
            self.0.touch(run.iter().map(|(id, _)| id));
            for (id, size) in run {
                if let Some((_, known, _)) = self.get(id) {
                    agreed_size(id, known, *size)?;
                }
            }
        }
        let mut new = Vec::new();
        for (position, (id, size)) in chunks.iter().enumerate() {
            if self.add(id, 1, *size, 0)? == 1 {
                new.push(position);
            }
        }
        Ok(new)
    }

    /// Records the stored sizes of claimed chunks.
    pub fn settle(&mut self, ids: &[Id], sizes: impl Iterator<Item = u32>) -> Result<()> {
        let mut sizes = sizes;
        for run in ids.chunks(AHEAD) {
            self.0.touch(run.iter());
            for (id, csize) in run.iter().zip(&mut sizes) {
                let Slot::Found(bucket) = self.0.find(id) else {
                    return Err(absent(id));
                };
                let (count, size, _) = unpack(self.0.value(bucket));
                self.0.set_value(bucket, pack(count, size, csize));
            }
        }
        Ok(())
    }

    /// Adds every count of `other`.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        other
            .entries()
            .try_for_each(|(id, (count, size, csize))| self.add(id, count, size, csize).map(drop))
    }

    pub fn ids(&self) -> Vec<Id> {
        self.entries().map(|(id, _)| *id).collect()
    }

    /// The chunks whose stored size is not known.
    pub fn unsized_ids(&self) -> Vec<Id> {
        self.entries()
            .filter(|(_, (_, _, csize))| *csize == 0)
            .map(|(id, _)| *id)
            .collect()
    }

    /// All entries in table order.
    pub fn entries(&self) -> impl Iterator<Item = (&Id, (u32, u32, u32))> {
        self.0.used().map(|bucket| (self.0.key(bucket), unpack(self.0.value(bucket))))
    }
}

/// A count that has reached MAX_VALUE stays there: what it would be is not known any more.
pub(super) fn raised(count: u32, by: u32) -> u32 {
    count.saturating_add(by).min(MAX_VALUE)
}

fn checked_count(refcount: u32) -> Result<u32> {
    if refcount > MAX_VALUE {
        return Err(Error::value(format!("a count of {refcount} is more than an index can hold")));
    }
    Ok(refcount)
}

fn agreed_size(id: &Id, known: u32, size: u32) -> Result<u32> {
    match (known, size) {
        (known, 0) => Ok(known),
        (0, size) => Ok(size),
        (known, size) if known == size => Ok(size),
        _ => Err(Error::integrity(format!(
            "chunk {} has a size of {known} and of {size} bytes",
            hex(id)
        ))),
    }
}

pub(super) fn absent(id: &Id) -> Error {
    Error::Key(hex(id))
}

pub(super) fn pack(refcount: u32, size: u32, csize: u32) -> [u8; 12] {
    let mut value = [0; 12];
    value[..4].copy_from_slice(&refcount.to_le_bytes());
    value[4..8].copy_from_slice(&size.to_le_bytes());
    value[8..].copy_from_slice(&csize.to_le_bytes());
    value
}

pub(super) fn unpack(value: [u8; 12]) -> (u32, u32, u32) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = value;
    (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
        u32::from_le_bytes([i, j, k, l]),
    )
}
