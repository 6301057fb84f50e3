//! `Shared`: frozen memory with several owners. Any `Vec` may become shared; what the last owner lets go of goes to the pool.

use std::ops::{Deref, Range};
use std::sync::Arc;

use super::recycle;

/// A slice of frozen memory that several owners share; cloning and slicing never copy.
#[derive(Clone, Debug)]
pub struct Shared {
    memory: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Shared {
    /// The part of this slice at `range`, which is clamped to it.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let start = self.range.start + range.start.min(self.len());
        let stop = self.range.start + range.end.min(self.len());
        Self {
            memory: Arc::clone(&self.memory),
            range: start..stop.max(start),
        }
    }

    /// The memory itself if the slice covers all of it, else a copy.
    pub fn into_whole(self) -> Arc<Vec<u8>> {
        if self.len() == self.memory.len() {
            Arc::clone(&self.memory)
        } else {
            Arc::new(self.to_vec())
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Of two owners who drop it at the same time none may see that it is the last; then the memory is freed, which is fine.
        if let Some(memory) = Arc::get_mut(&mut self.memory) {
            recycle(std::mem::take(memory));
        }
    }
}

impl From<Arc<Vec<u8>>> for Shared {
    fn from(memory: Arc<Vec<u8>>) -> Self {
        let range = 0..memory.len();
        Self { memory, range }
    }
}

impl From<Vec<u8>> for Shared {
    fn from(memory: Vec<u8>) -> Self {
        let range = 0..memory.len();
        Self {
            memory: Arc::new(memory),
            range,
        }
    }
}

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.range.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_outlives_a_part_that_gave_it_away() {
        let shared = Shared::from(vec![1; 500_000]);
        let whole = shared.clone().into_whole();
        drop(shared);
        assert_eq!(whole.len(), 500_000);
        assert_eq!(whole[499_999], 1);
    }
}
