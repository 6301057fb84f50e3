//! `SealedBatch`: stored objects in few pieces of memory, laid out as they go into a segment file.
//!
//! ```text
//! entry = crc u32le | size u32le | tag 0 | key 32 | object       size counts all of it, crc covers all but itself
//! ```

use std::ops::Range;

use crate::Id;
use crate::memory::{self, Shared};
use crate::segments::{HEADER_AND_KEY, PUT};

/// Objects in one piece of memory.
pub(super) struct SealedUnit {
    pub ids: Vec<Id>,
    /// Where each entry begins, and where the last one ends.
    pub starts: Vec<usize>,
    pub memory: Vec<u8>,
}

/// Objects ready to be appended to a segment. Immutable.
pub struct SealedBatch {
    ids: Vec<Id>,
    /// Where each entry would begin if all lay end to end, and where the last one would end.
    starts: Vec<usize>,
    pieces: Vec<Piece>,
}

/// Memory of some successive entries.
struct Piece {
    /// Its place if all lay end to end.
    range: Range<usize>,
    memory: Shared,
}

impl SealedBatch {
    pub(super) fn new(units: Vec<SealedUnit>) -> Self {
        let mut batch = Self {
            ids: Vec::new(),
            starts: vec![0],
            pieces: Vec::with_capacity(units.len()),
        };
        let mut end = 0;
        for unit in units {
            debug_assert_eq!(
                (unit.starts.len(), unit.starts.last()),
                (unit.ids.len() + 1, Some(&unit.memory.len()))
            );
            let start = end;
            end += unit.memory.len();
            batch.ids.extend(unit.ids);
            batch.starts.extend(unit.starts.iter().skip(1).map(|stop| start + stop));
            batch.pieces.push(Piece {
                range: start..end,
                memory: Shared::from(unit.memory),
            });
        }
        batch
    }

    /// Of objects that somebody else has sealed; each has to fit into an entry.
    pub fn of_objects<'a>(objects: impl Iterator<Item = (Id, &'a [u8])> + Clone) -> Self {
        let bytes = objects.clone().map(|(_, object)| HEADER_AND_KEY + object.len()).sum();
        let (mut ids, mut starts, mut memory) = (Vec::new(), vec![0], memory::buffer(bytes));
        for (id, object) in objects {
            let start = memory.len();
            let size = u32::try_from(HEADER_AND_KEY + object.len()).unwrap_or(u32::MAX);
            memory.extend_from_slice(&[0; 4]);
            memory.extend_from_slice(&size.to_le_bytes());
            memory.push(PUT);
            memory.extend_from_slice(&id);
            memory.extend_from_slice(object);
            let crc = crc32fast::hash(&memory[start + 4..]);
            memory[start..start + 4].copy_from_slice(&crc.to_le_bytes());
            ids.push(id);
            starts.push(memory.len());
        }
        Self::new(vec![SealedUnit { ids, starts, memory }])
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn ids(&self) -> &[Id] {
        &self.ids
    }

    /// Length of each object without the head of its entry.
    pub fn sizes(&self) -> impl ExactSizeIterator<Item = u32> {
        // An object is at most 20 MiB, or it would not have been sealed.
        self.starts.windows(2).map(|ends| (ends[1] - ends[0] - HEADER_AND_KEY) as u32)
    }

    /// One object without the head of its entry.
    pub fn object(&self, index: usize) -> Option<Shared> {
        let range = *self.starts.get(index)? + HEADER_AND_KEY..*self.starts.get(index + 1)?;
        self.memory(&range).next()
    }

    /// Where to stop so that every entry from `start` begins at or below `limit`, if the first begins at `offset`.
    pub fn fit(&self, start: usize, offset: u64, limit: u64) -> usize {
        let entries = &self.starts[self.clamp(start, self.len())];
        let first = entries.first().copied().unwrap_or_default();
        start + entries.partition_point(|&begin| offset + (begin - first) as u64 <= limit)
    }

    /// The entries from `start` to `stop`, end to end in as many pieces as it takes.
    pub fn entries(&self, start: usize, stop: usize) -> Vec<Shared> {
        let range = self.clamp(start, stop);
        self.memory(&(self.starts[range.start]..self.starts[range.end])).collect()
    }

    /// Where those entries begin if the first begins at `offset`.
    pub fn offsets(&self, start: usize, stop: usize, offset: u64) -> Vec<u64> {
        let entries = &self.starts[self.clamp(start, stop)];
        let first = entries.first().copied().unwrap_or_default();
        entries.iter().map(|&begin| offset + (begin - first) as u64).collect()
    }

    /// What is at `range`.
    fn memory(&self, range: &Range<usize>) -> impl Iterator<Item = Shared> {
        let first = self.pieces.partition_point(|piece| piece.range.end <= range.start);
        let pieces = self.pieces[first..].iter();
        pieces.take_while(|piece| piece.range.start < range.end).map(|piece| {
            let start = range.start.max(piece.range.start) - piece.range.start;
            piece.memory.slice(start..range.end.min(piece.range.end) - piece.range.start)
        })
    }

    fn clamp(&self, start: usize, stop: usize) -> Range<usize> {
        let stop = stop.min(self.len());
        start.min(stop)..stop
    }
}
