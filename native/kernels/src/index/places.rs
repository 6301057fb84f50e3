//! A repository's index by where objects lie: they are read in the order of the segment files.

use rayon::prelude::*;

use super::repository::{RepositoryTable, unpack};
use crate::errors::{Error, Result};
use crate::{Id, hex};

/// The objects of a list that one segment holds, in the order of the segment.
#[derive(Debug, PartialEq, Eq)]
pub struct Located {
    pub segment: u32,
    pub ids: Vec<Id>,
    pub offsets: Vec<u32>,
    /// Where in the list each of them was.
    pub places: Vec<usize>,
}

/// The entries of an index in the order of the segment files.
pub struct DiskOrder {
    entries: Vec<(u32, u32, Id)>,
    next: usize,
}

impl DiskOrder {
    /// The next ones that lie in one segment within about so many bytes; none at the end. At least one, otherwise.
    pub fn next(&mut self, most_bytes: u32) -> &[(u32, u32, Id)] {
        let rest = &self.entries[self.next..];
        let Some(&(segment, start, _)) = rest.first() else {
            return rest;
        };
        let limit = start.saturating_add(most_bytes);
        let count = rest
            .partition_point(|&(other, offset, _)| other == segment && offset < limit)
            .max(1);
        self.next += count;
        &rest[..count]
    }
}

impl RepositoryTable {
    /// Where the objects are: by segment ascending, within each by offset. The error for an unknown id is its hex form.
    pub fn locate(&mut self, ids: &[Id]) -> Result<Vec<Located>> {
        let mut found = Vec::with_capacity(ids.len());
        for (place, id) in ids.iter().enumerate() {
            let Some((segment, offset)) = self.get(id) else {
                return Err(Error::Key(hex(id)));
            };
            found.push((segment, offset, place));
        }
        found.sort_unstable();
        let by_segment = found.chunk_by(|one, next| one.0 == next.0);
        Ok(by_segment
            .map(|group| Located {
                segment: group[0].0,
                ids: group.iter().map(|&(_, _, place)| ids[place]).collect(),
                offsets: group.iter().map(|&(_, offset, _)| offset).collect(),
                places: group.iter().map(|&(_, _, place)| place).collect(),
            })
            .collect())
    }

    /// All entries, by segment and offset.
    pub fn in_disk_order(&self) -> DiskOrder {
        let entries = self.0.used_from(0).map(|bucket| {
            let (segment, offset) = unpack(self.0.value(bucket));
            (segment, offset, *self.0.key(bucket))
        });
        let mut entries: Vec<_> = entries.collect();
        entries.par_sort_unstable();
        DiskOrder { entries, next: 0 }
    }
}
