//! The repository's index: object id -> (segment, offset).

use std::sync::{Mutex, MutexGuard, TryLockError};

use super::table::{AHEAD, MAX_VALUE, Slot, Table};
use crate::errors::{Error, Result};
use crate::locks::lock;
use crate::memory::Shared;
use crate::{Id, hex};

/// (segment, offset) of an object.
pub type Position = (u32, u32);

/// The index as one thread uses it.
#[derive(Clone)]
pub struct RepositoryTable(pub(super) Table<8>);

/// The index as threads share it.
pub struct RepositoryIndex(Mutex<RepositoryTable>);

/// An id whose position differs between two indexes, and the two positions, None where it is not known.
pub type Difference = (Id, Option<Position>, Option<Position>);

impl RepositoryIndex {
    pub fn new(capacity: usize) -> Result<Self> {
        Ok(Self(Mutex::new(RepositoryTable(Table::with_capacity(capacity)?))))
    }

    pub fn load(data: Shared) -> Result<Self> {
        Ok(Self(Mutex::new(RepositoryTable(Table::load(data)?))))
    }

    pub fn lock(&self) -> MutexGuard<'_, RepositoryTable> {
        lock(&self.0)
    }

    /// The lock if it is free right now.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, RepositoryTable>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl RepositoryTable {
    pub fn save(&self) -> Shared {
        self.0.save()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&mut self, id: &Id) -> Option<Position> {
        match self.0.find(id) {
            Slot::Found(bucket) => Some(unpack(self.0.value(bucket))),
            Slot::Free(_) => None,
        }
    }

    pub fn set(&mut self, id: &Id, segment: u32, offset: u32) -> Result<()> {
        self.0.set(id, pack(segment, offset)?)
    }

    pub fn pop(&mut self, id: &Id) -> Result<Option<Position>> {
        let Slot::Found(bucket) = self.0.find(id) else {
            return Ok(None);
        };
        let position = unpack(self.0.value(bucket));
        self.0.remove(bucket)?;
        Ok(Some(position))
    }

    pub fn set_many(&mut self, ids: &[Id], segment: u32, offsets: &[u32]) -> Result<()> {
        if ids.len() != offsets.len() {
            return Err(Error::value(format!("{} ids with {} offsets", ids.len(), offsets.len())));
        }
        for (ids, offsets) in ids.chunks(AHEAD).zip(offsets.chunks(AHEAD)) {
            self.0.touch(ids.iter());
            for (id, &offset) in ids.iter().zip(offsets) {
                self.set(id, segment, offset)?;
            }
        }
        Ok(())
    }

    pub fn get_many(&mut self, ids: &[Id]) -> Vec<Option<Position>> {
        ids.iter().map(|id| self.get(id)).collect()
    }

    /// Those of the ids that are in the index, in their order.
    pub fn known(&mut self, ids: &[Id]) -> Vec<Id> {
        ids.iter().filter(|id| self.get(id).is_some()).copied().collect()
    }

    /// Removes every id; fails without change if one is absent.
    pub fn remove_many(&mut self, ids: &[Id]) -> Result<()> {
        if let Some(id) = ids.iter().find(|id| self.get(id).is_none()) {
            return Err(Error::Key(hex(id)));
        }
        ids.iter().try_for_each(|id| self.pop(id).map(drop))
    }

    /// Up to `limit` ids in table order, after `marker`. Looks it up without moving it, or others would come twice.
    pub fn ids(&self, marker: Option<&Id>, limit: Option<usize>) -> Result<Vec<Id>> {
        let start = match marker.map(|id| self.0.place(id)) {
            None => 0,
            Some(Some(bucket)) => bucket + 1,
            Some(None) => return Err(Error::Key("the marker is not in the index".into())),
        };
        let limit = limit.unwrap_or(usize::MAX);
        Ok(self
            .0
            .used_from(start)
            .take(limit)
            .map(|bucket| *self.0.key(bucket))
            .collect())
    }

    /// Where two indexes do not agree: first by the ids of this one, then by those that only the other has.
    pub fn differences(&mut self, other: &mut Self) -> Vec<Difference> {
        let mut found = Vec::new();
        for bucket in self.0.used_from(0) {
            let (id, here) = (self.0.key(bucket), unpack(self.0.value(bucket)));
            let there = other.get(id);
            if there != Some(here) {
                found.push((*id, Some(here), there));
            }
        }
        let only_there = other
            .0
            .used_from(0)
            .map(|bucket| (*other.0.key(bucket), unpack(other.0.value(bucket))));
        for (id, there) in only_there.collect::<Vec<_>>() {
            if self.get(&id).is_none() {
                found.push((id, None, Some(there)));
            }
        }
        found
    }
}

pub(super) fn pack(segment: u32, offset: u32) -> Result<[u8; 8]> {
    if segment > MAX_VALUE {
        return Err(Error::value(format!("segment {segment} is more than an index can hold")));
    }
    let mut value = [0; 8];
    value[..4].copy_from_slice(&segment.to_le_bytes());
    value[4..].copy_from_slice(&offset.to_le_bytes());
    Ok(value)
}

pub(super) fn unpack(value: [u8; 8]) -> Position {
    let [a, b, c, d, e, f, g, h] = value;
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Ids that all belong into the same bucket, and so stand in a row.
    fn id(number: u8) -> Id {
        let mut id = [0; 32];
        id[31] = number;
        id
    }

    #[test]
    fn listing_in_parts_gives_each_id_once_behind_removed_ones_too() {
        for most in 1..10 {
            let index = RepositoryIndex::new(0).unwrap();
            let mut table = index.lock();
            for number in 0..40 {
                table.set(&id(number), 0, 0).unwrap();
            }
            for number in [0, 1, 2, 7, 20] {
                table.pop(&id(number)).unwrap();
            }
            let all = table.ids(None, None).unwrap();
            assert_eq!(all.len(), 35);
            let mut listed: Vec<Id> = Vec::new();
            while listed.len() <= all.len() {
                let part = table.ids(listed.last(), Some(most)).unwrap();
                if part.is_empty() {
                    break;
                }
                listed.extend(part);
            }
            assert!(listed == all, "{most} at a time");
            assert!(table.ids(Some(&id(0)), None).is_err());
        }
    }
}
