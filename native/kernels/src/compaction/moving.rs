//! What a compaction keeps of a segment: current PUTs, and the DELETEs that still keep an older PUT from coming back.

use std::os::fd::BorrowedFd;

use super::shadows::ShadowIndex;
use crate::MANIFEST;
use crate::errors::{Error, Result};
use crate::index::RepositoryTable;
use crate::memory::Shared;
use crate::segments::{self, SegmentEntries};

/// Where the first entry of a segment begins.
const FIRST_OFFSET: u64 = 8;

/// Where entries come from.
pub struct Source<'a> {
    pub segment: u32,
    pub entries: &'a SegmentEntries,
    /// Whether it and the deletions of older segments before it have certainly reached the disk. If not, a power cut may undo
    /// a deletion, so all DELETEs are kept.
    pub is_stable: bool,
}

/// Where they go.
pub struct Target {
    pub segment: u32,
    /// Of the next entry.
    pub offset: u64,
    /// No entry begins beyond this offset.
    pub limit: u64,
    /// How much is moved at most, unless one entry alone is larger.
    pub most: u64,
    /// Whether a transfer has just ended, so that the manifest may begin the segment.
    pub is_new: bool,
}

/// A stretch of a segment: what must be copied out of it, in order, with its new places in the index already.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MovedEntries {
    /// The first entry that was not looked at.
    pub stop: usize,
    /// Whether it has to go into another segment.
    pub needs_segment: bool,
    pub puts: u64,
    pub delete_bytes: u64,
    /// Sum of the sizes of the PUTs that were left behind.
    pub superseded_bytes: u64,
    /// Offset and size in the source.
    places: Vec<(u32, u32)>,
}

impl MovedEntries {
    /// Goes through the entries from `start` on as far as `to` takes them. The index learns the new places one by one, between
    /// the look-ups: those move its buckets too, and its bytes shall be Borg's.
    pub fn of(
        from: &Source<'_>,
        start: usize,
        to: &Target,
        index: &mut RepositoryTable,
        shadows: &mut ShadowIndex,
    ) -> Result<Self> {
        let mut moved = Self::default();
        let mut offset = to.offset;
        let entries = from.entries;
        for at in start..entries.len() {
            moved.stop = at;
            let (tag, id) = (entries.tags[at], &entries.keys[at]);
            let (place, size) = (entries.offsets[at], entries.sizes[at]);
            let is_live = match tag {
                segments::PUT => index.get(id) == Some((from.segment, place)),
                segments::DELETE => index.get(id).is_none() && (!from.is_stable || shadows.may_come_back(id, from.segment)),
                _ => false,
            };
            if is_live {
                let may_follow = if *id == MANIFEST {
                    to.is_new && moved.places.is_empty()
                } else {
                    offset <= to.limit || offset == FIRST_OFFSET
                };
                if !may_follow {
                    moved.needs_segment = true;
                    return Ok(moved);
                }
                if offset - to.offset + u64::from(size) > to.most && !moved.places.is_empty() {
                    return Ok(moved);
                }
                if tag == segments::PUT {
                    let place =
                        u32::try_from(offset).map_err(|_| Error::value("an entry lies beyond what an index can point to"))?;
                    index.set(id, to.segment, place)?;
                    moved.puts += 1;
                } else {
                    moved.delete_bytes += u64::from(size);
                }
                moved.places.push((place, size));
                offset += u64::from(size);
            } else if tag == segments::PUT {
                shadows.forget_put(id, from.segment);
                moved.superseded_bytes += u64::from(size);
            } else if tag == segments::DELETE && index.get(id).is_none() {
                shadows.forget_if_empty(id);
            }
        }
        moved.stop = entries.len();
        Ok(moved)
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The bytes of the entries, read from their segment and verified.
    pub fn read(&self, fd: BorrowedFd<'_>) -> Result<Shared> {
        segments::copy_entries(fd, self.places.iter().copied())
    }
}
