//! `IdQueue`: buffers that get their ids when somebody needs some of them, all that are waiting by then together.
//!
//! Chunks of large files are few at a time and of very different lengths, so most lanes of a hash function would run dry long
//! before the last: the more there are to choose from, the less so.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use super::IdHasher;
use crate::Id;
use crate::locks::lock;
use crate::memory::Shared;
use crate::zeros::leading_zeros;

pub struct IdQueue {
    hasher: IdHasher,
    /// What nobody asks for any more is not there any more.
    waiting: Mutex<Vec<Weak<Entry>>>,
    /// Held by who computes ids, until whoever waits for them can have them.
    turn: Mutex<()>,
    /// Length and id of the longest buffer of zeros so far: holes consist of chunks that are as long as can be.
    zeros: Mutex<(usize, Id)>,
}

struct Entry {
    buffers: Vec<Shared>,
    ids: OnceLock<Vec<Id>>,
}

/// Ids to come.
pub struct ExpectedIds {
    queue: Arc<IdQueue>,
    entry: Arc<Entry>,
}

impl IdQueue {
    pub fn new(hasher: IdHasher) -> Self {
        Self {
            hasher,
            waiting: Mutex::default(),
            turn: Mutex::default(),
            zeros: Mutex::default(),
        }
    }

    pub fn hasher(&self) -> &IdHasher {
        &self.hasher
    }

    /// The id of a buffer full of zeros, if it is remembered or worth remembering.
    pub fn id_of_zeros(&self, buffer: &[u8]) -> Option<Id> {
        if leading_zeros(buffer) < buffer.len() {
            return None;
        }
        let mut longest = lock(&self.zeros);
        if longest.0 < buffer.len() {
            *longest = (buffer.len(), self.hasher.digest(buffer));
        }
        (longest.0 == buffer.len() && !buffer.is_empty()).then_some(longest.1)
    }

    pub fn add(self: &Arc<Self>, buffers: Vec<Shared>) -> ExpectedIds {
        let ids = OnceLock::new();
        let entry = Arc::new(Entry { buffers, ids });
        lock(&self.waiting).push(Arc::downgrade(&entry));
        ExpectedIds {
            queue: Arc::clone(self),
            entry,
        }
    }

    /// Computes the ids of everything that is waiting.
    fn work(&self) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let entries: Vec<Arc<Entry>> = waiting.iter().filter_map(Weak::upgrade).collect();
        let buffers = entries.iter().flat_map(|entry| &entry.buffers);
        let slices: Vec<&[u8]> = buffers.map(|buffer| &**buffer).collect();
        // Lanes cost less than cores, and those have work of their own.
        let mut ids = self.hasher.digest_on_this_thread(&slices).into_iter();
        for entry in &entries {
            let own = ids.by_ref().take(entry.buffers.len()).collect();
            entry.ids.get_or_init(|| own);
        }
    }
}

impl ExpectedIds {
    /// The ids of the buffers, which are computed now unless somebody has done so.
    pub fn wait(self) -> Vec<Id> {
        {
            let _turn = lock(&self.queue.turn);
            if self.entry.ids.get().is_none() {
                self.queue.work();
            }
        }
        // Whoever took them to compute them may have panicked, over one that was not ours.
        let alone = || {
            let slices: Vec<&[u8]> = self.entry.buffers.iter().map(|buffer| &**buffer).collect();
            self.queue.hasher.digest_on_this_thread(&slices)
        };
        self.entry.ids.get_or_init(alone).clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn zeros_have_the_id_that_others_compute() {
        let hasher = IdHasher::new("sha256", &[]).unwrap();
        let queue = IdQueue::new(hasher.clone());
        for length in [100, 300, 200, 300, 0] {
            let zeros = vec![0; length];
            let id = queue.id_of_zeros(&zeros);
            assert!(id.is_none_or(|id| id == hasher.digest(&zeros)));
            assert_eq!(id.is_some(), [100, 300].contains(&length), "{length}");
        }
        let mut other = vec![0; 300];
        other[299] = 1;
        assert_eq!(queue.id_of_zeros(&other), None);
    }

    #[test]
    fn everybody_gets_the_ids_of_their_own_buffers() {
        let hasher = IdHasher::new("blake2b", &[1; 128]).unwrap();
        let queue = Arc::new(IdQueue::new(hasher.clone()));
        let buffers = |seed: usize| -> Vec<Shared> {
            let sizes = (0..seed % 5).map(|number| (seed * 7919 + number * 104_729) % 50_000);
            sizes.map(|size| Shared::from(vec![seed as u8; size])).collect()
        };
        let waiters = (0..60).map(|seed| {
            let expected = queue.add(buffers(seed));
            // Some never ask.
            (seed % 7 > 0).then(|| thread::spawn(move || (seed, expected.wait())))
        });
        let waiters: Vec<_> = waiters.collect();
        for waiter in waiters.into_iter().flatten() {
            let (seed, ids) = waiter.join().unwrap();
            let alone: Vec<Id> = buffers(seed).iter().map(|buffer| hasher.digest(buffer)).collect();
            assert_eq!(ids, alone);
        }
    }

    #[test]
    fn whoever_waits_gets_ids_even_if_somebody_else_gave_up_computing_them() {
        let hasher = IdHasher::new("sha256", &[]).unwrap();
        let queue = Arc::new(IdQueue::new(hasher.clone()));
        let expected = queue.add(vec![Shared::from(vec![7; 100])]);
        // As a panic leaves it.
        let taken = std::mem::take(&mut *lock(&queue.waiting));
        assert_eq!(taken.len(), 1);
        assert_eq!(expected.wait(), [hasher.digest(&[7; 100])]);
    }
}
