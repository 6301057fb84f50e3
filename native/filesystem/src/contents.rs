//! Which chunks the files of a tree consist of: all lists end to end, in archive order.
//!
//! Archive order is how chunks mostly lie in the repository, so what stands behind a chunk in here is what is likely read next.

use std::ops::Range;

use vinculum_kernels::Id;
use vinculum_kernels::errors::{Error, Result};
use vinculum_kernels::items::Reference;

#[derive(Default)]
pub struct Contents {
    ids: Vec<Id>,
    /// Where each chunk ends if all files were one.
    ends: Vec<u64>,
}

/// A part of a file that lies in one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub id: Id,
    /// What of the chunk belongs to it.
    pub range: Range<usize>,
    /// How long the chunk is as a whole.
    pub size: usize,
}

impl Contents {
    /// The places of the chunks of one more file.
    pub fn add(&mut self, chunks: impl Iterator<Item = Reference>) -> Result<Range<u32>> {
        let place = |length| u32::try_from(length).map_err(|_| Error::value("an archive has too many chunks to be mounted"));
        let start = place(self.ids.len())?;
        let mut end = self.start_of(start);
        for (id, size, _) in chunks {
            end += u64::from(size);
            self.ids.push(id);
            self.ends.push(end);
        }
        Ok(start..place(self.ids.len())?)
    }

    pub fn size(&self, chunks: &Range<u32>) -> u64 {
        self.start_of(chunks.end) - self.start_of(chunks.start)
    }

    /// Whether two files have the same content.
    pub fn are_equal(&self, one: &Range<u32>, other: &Range<u32>) -> bool {
        self.slice(one) == self.slice(other)
    }

    /// The pieces that `length` bytes from `offset` of a file consist of, fewer at its end;
    /// and the place of the first one's chunk.
    pub fn pieces(&self, chunks: &Range<u32>, offset: u64, length: usize) -> (Range<u32>, Vec<Piece>) {
        let base = self.start_of(chunks.start);
        let start = base + offset;
        let stop = (start + length as u64).min(self.start_of(chunks.end));
        let ends = &self.ends[chunks.start as usize..chunks.end as usize];
        // Chunks of no length end where they begin, and are left out.
        let skipped = ends.partition_point(|&end| end <= start);
        let first = chunks.start + skipped as u32;
        let mut pieces = Vec::new();
        let mut place = first;
        while place < chunks.end && self.start_of(place) < stop {
            let (from, to) = (self.start_of(place), self.start_of(place + 1));
            let range = (start.max(from) - from) as usize..(stop.min(to) - from) as usize;
            if !range.is_empty() {
                pieces.push(Piece {
                    id: self.ids[place as usize],
                    range,
                    size: (to - from) as usize,
                });
            }
            place += 1;
        }
        (first..place, pieces)
    }

    /// The chunks from a place on, whichever files they belong to, with their sizes.
    pub fn from(&self, place: u32) -> impl Iterator<Item = (Id, usize)> {
        (place as usize..self.ids.len()).map(|place| {
            let size = self.ends[place] - self.start_of(place as u32);
            (self.ids[place], size as usize)
        })
    }

    /// How many bytes lie between the end of one chunk and the start of a later one.
    pub fn distance(&self, chunk: u32, later: u32) -> usize {
        self.start_of(later).saturating_sub(self.start_of(chunk + 1)) as usize
    }

    pub fn shrink(&mut self) {
        self.ids.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    fn slice(&self, chunks: &Range<u32>) -> &[Id] {
        &self.ids[chunks.start as usize..chunks.end as usize]
    }

    fn start_of(&self, place: u32) -> u64 {
        match place {
            0 => 0,
            place => self.ends[place as usize - 1],
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn list(sizes: &[u32], first: u8) -> impl Iterator<Item = Reference> {
        (first..).zip(sizes).map(|(number, &size)| ([number; 32], size, 0))
    }

    #[test]
    fn any_range_is_the_same_as_of_the_bytes() {
        let mut contents = Contents::default();
        contents.add(list(&[7, 9], 100)).unwrap();
        let sizes = [3, 0, 5, 1, 0, 4];
        let chunks = contents.add(list(&sizes, 0)).unwrap();
        contents.add(list(&[11], 200)).unwrap();
        // Each byte of the file as (chunk, place in it).
        let bytes: Vec<(u8, usize)> = (0..6_u8)
            .flat_map(|chunk| (0..sizes[chunk as usize] as usize).map(move |place| (chunk, place)))
            .collect();
        assert_eq!(contents.size(&chunks), bytes.len() as u64);
        for offset in 0..20 {
            for length in 0..20 {
                let (places, pieces) = contents.pieces(&chunks, offset as u64, length);
                let found: Vec<_> = pieces
                    .iter()
                    .flat_map(|piece| piece.range.clone().map(|place| (piece.id[0], place)))
                    .collect();
                let wanted: Vec<_> = bytes.iter().skip(offset).take(length).copied().collect();
                assert_eq!(found, wanted, "{length} bytes at {offset}");
                assert!(pieces.iter().all(|piece| !piece.range.is_empty()));
                if let Some(piece) = pieces.first() {
                    assert_eq!(contents.from(places.start).next(), Some((piece.id, piece.size)));
                }
            }
        }
    }
}
