//! Segments are replayed into a repository's index: what they put, and what they delete.

use super::repository::{RepositoryTable, pack, unpack};
use super::table::Slot;
use crate::Id;
use crate::errors::Result;
use crate::segments::{self, SegmentEntries};

/// What applying a segment to the index superseded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replay {
    pub puts: u64,
    /// Sum of the sizes of all PUT entries, headers included.
    pub put_bytes: u64,
    /// Per PUT of a known id: the id, its old segment, the size of the new entry.
    pub superseded: Vec<(Id, u32, u32)>,
    /// Per DELETE of a known id: the id, its old segment and offset.
    pub deleted: Vec<(Id, u32, u32)>,
}

impl RepositoryTable {
    /// Applies the PUTs and DELETEs of one segment in order.
    pub fn replay(&mut self, entries: &SegmentEntries, segment: u32) -> Result<Replay> {
        let mut replay = Replay::default();
        for (index, key) in entries.keys.iter().enumerate() {
            let size = entries.sizes[index];
            match entries.tags[index] {
                segments::PUT => {
                    let value = pack(segment, entries.offsets[index])?;
                    match self.0.find(key) {
                        Slot::Found(bucket) => {
                            let (old_segment, _) = unpack(self.0.value(bucket));
                            replay.superseded.push((*key, old_segment, size));
                            self.0.set_value(bucket, value);
                        }
                        Slot::Free(free) => self.0.insert(key, value, free)?,
                    }
                    replay.puts += 1;
                    replay.put_bytes += u64::from(size);
                }
                segments::DELETE => {
                    if let Some((old_segment, old_offset)) = self.pop(key)? {
                        replay.deleted.push((*key, old_segment, old_offset));
                    }
                }
                _ => {}
            }
        }
        Ok(replay)
    }
}
