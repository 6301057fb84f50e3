//! The chunks that were read last, up to so many bytes.
//!
//! Two generations stand for the order of use: what is used moves to the young one, and when that is full it becomes the old
//! one, whose place it takes. So a chunk costs two look-ups at most, however many there are.

use std::collections::HashMap;

use vinculum_kernels::Id;
use vinculum_kernels::memory::Shared;

pub struct Cache {
    young: HashMap<Id, Shared>,
    old: HashMap<Id, Shared>,
    young_bytes: usize,
    limit: usize,
}

/// What a chunk costs besides its bytes.
const OVERHEAD: usize = 128;

impl Cache {
    /// A cache that holds up to about `bytes` bytes.
    pub fn new(bytes: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            young_bytes: 0,
            limit: bytes / 2,
        }
    }

    pub fn get(&mut self, id: &Id) -> Option<Shared> {
        if let Some(chunk) = self.young.get(id) {
            return Some(chunk.clone());
        }
        let chunk = self.old.remove(id)?;
        self.insert(*id, chunk.clone());
        Some(chunk)
    }

    pub fn contains(&self, id: &Id) -> bool {
        self.young.contains_key(id) || self.old.contains_key(id)
    }

    pub fn remove(&mut self, id: &Id) {
        if let Some(chunk) = self.young.remove(id) {
            self.young_bytes -= chunk.len() + OVERHEAD;
        }
        self.old.remove(id);
    }

    pub fn insert(&mut self, id: Id, chunk: Shared) {
        let bytes = chunk.len() + OVERHEAD;
        self.remove(&id);
        if self.young_bytes + bytes > self.limit && !self.young.is_empty() {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(id, chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut cache = Cache::new(100 * (1000 + OVERHEAD));
        let chunk = || Shared::from(vec![0; 1000]);
        cache.insert([0; 32], chunk());
        for number in 1..=255 {
            cache.insert([number; 32], chunk());
            assert!(cache.get(&[0; 32]).is_some(), "after {number}");
            assert!(cache.young.len() + cache.old.len() <= 101);
        }
        assert!(cache.contains(&[220; 32]) && !cache.contains(&[100; 32]));
    }
}
