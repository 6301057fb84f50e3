//! The records in memory: 72 bytes each, 5 to 11 for finding it and 32 per chunk id, all in three arrays.

use std::collections::HashMap;
use std::hint::black_box;

use crate::Id;

/// Free slot of the lookup table.
const FREE: u32 = u32::MAX;
/// Stands for a time beyond 64 bits, which `Records::wide` holds. Not a time that is ever recorded otherwise.
const WIDE: i64 = i64::MIN;

/// What is recorded of one file.
#[cfg(test)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub age: u32,
    pub inode: u64,
    pub size: u64,
    pub cmtime: i64,
    pub ids: Vec<Id>,
}

/// A record without its chunk ids, which lie in the array common to all.
pub struct Entry {
    pub path_hash: Id,
    pub inode: u64,
    pub size: u64,
    /// A time that no file can have now (`WIDE`) if it was recorded beyond 64 bits.
    pub cmtime: i64,
    pub age: u32,
    id_count: u32,
    first_id: usize,
}

/// Records in the order in which their paths were first recorded.
#[derive(Default)]
pub struct Records {
    entries: Vec<Entry>,
    ids: Vec<Id>,
    /// Positions in `entries`, by open addressing on the path hash; a power of two, at most three quarters used.
    slots: Vec<u32>,
    wide: HashMap<usize, i128>,
}

impl Records {
    /// Room for about this many records and ids.
    pub fn with_capacity(records: usize, ids: usize) -> Self {
        let slots = vec![FREE; (records * 4 / 3 + 1).next_power_of_two()];
        Self {
            entries: Vec::with_capacity(records),
            ids: Vec::with_capacity(ids),
            slots,
            wide: HashMap::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many ids are held, those of replaced records included.
    pub fn id_count(&self) -> usize {
        self.ids.len()
    }

    pub fn find(&self, path_hash: &Id) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        match self.slots[self.slot(path_hash)] {
            FREE => None,
            index => Some(index as usize),
        }
    }

    /// Reads what looking these up will read; the reads do not wait for each other.
    pub fn touch(&self, path_hashes: &[Id]) {
        if self.slots.is_empty() {
            return;
        }
        let mask = self.slots.len() - 1;
        let mut found: Vec<&Entry> = Vec::with_capacity(path_hashes.len());
        for path_hash in path_hashes {
            // A free slot is beyond all entries.
            found.extend(self.entries.get(self.slots[home(path_hash) & mask] as usize));
        }
        let seen = found
            .iter()
            .fold(0, |seen, entry| seen ^ entry.path_hash[0] ^ entry.id_count as u8);
        let first_ids = found.iter().filter_map(|entry| self.ids.get(entry.first_id));
        black_box(first_ids.fold(seen, |seen, id| seen ^ id[0]));
    }

    pub fn entry_mut(&mut self, index: usize) -> &mut Entry {
        &mut self.entries[index]
    }

    pub fn ids(&self, index: usize) -> &[Id] {
        let entry = &self.entries[index];
        &self.ids[entry.first_id..entry.first_id + entry.id_count as usize]
    }

    /// The time as it was recorded.
    pub fn cmtime(&self, index: usize) -> i128 {
        match self.entries[index].cmtime {
            WIDE => self.wide.get(&index).copied().unwrap_or(WIDE.into()),
            cmtime => cmtime.into(),
        }
    }

    #[cfg(test)]
    pub fn record(&self, index: usize) -> Record {
        let Entry {
            age,
            inode,
            size,
            cmtime,
            ..
        } = self.entries[index];
        Record {
            age,
            inode,
            size,
            cmtime,
            ids: self.ids(index).to_vec(),
        }
    }

    /// Inserts a record, or replaces it in its place.
    pub fn set(&mut self, path_hash: &Id, age: u32, inode: u64, size: u64, cmtime: i128, ids: impl Iterator<Item = Id>) {
        if (self.entries.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let slot = self.slot(path_hash);
        let index = match self.slots[slot] {
            FREE => self.entries.len(),
            index => index as usize,
        };
        let narrow = i64::try_from(cmtime).unwrap_or(WIDE);
        if narrow == WIDE {
            self.wide.insert(index, cmtime);
        }
        let first_id = self.ids.len();
        self.ids.extend(ids);
        let id_count = (self.ids.len() - first_id) as u32;
        let entry = Entry {
            path_hash: *path_hash,
            inode,
            size,
            cmtime: narrow,
            age,
            id_count,
            first_id,
        };
        if index < self.entries.len() {
            self.entries[index] = entry;
        } else {
            let position = index as u32;
            assert!(position != FREE, "a files cache holds fewer than 2^32 records");
            self.slots[slot] = position;
            self.entries.push(entry);
        }
    }

    /// Where a path is, or would go.
    fn slot(&self, path_hash: &Id) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = home(path_hash) & mask;
        loop {
            match self.slots[slot] {
                FREE => return slot,
                index if self.entries[index as usize].path_hash == *path_hash => return slot,
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(1024);
        self.slots = vec![FREE; size];
        for index in 0..self.entries.len() {
            let slot = self.slot(&self.entries[index].path_hash);
            let position = index as u32;
            self.slots[slot] = position;
        }
    }
}

/// Path hashes are cryptographic: any part of one is as good as a hash of it.
fn home(path_hash: &Id) -> usize {
    let [a, b, c, d, e, f, g, h, ..] = *path_hash;
    u64::from_le_bytes([a, b, c, d, e, f, g, h]) as usize
}
