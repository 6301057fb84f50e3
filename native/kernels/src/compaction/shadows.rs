//! Which segments hold a superseded PUT of an id: what a compaction must know before it drops a DELETE.
//!
//! Saved as a msgpack map, raw id -> array of segment numbers, whose order is that in which ids were first noted: it shows in
//! the bytes of a hints file.

use std::collections::HashMap;

use crate::Id;
use crate::errors::{Error, Result};
use crate::memory::Shared;
use crate::msgpack::{self, Reader};

#[derive(Debug, Default)]
pub struct ShadowIndex {
    places: HashMap<Id, usize>,
    /// In the order of the file; ids that were forgotten leave a gap.
    records: Vec<Option<Record>>,
}

#[derive(Debug)]
struct Record {
    id: Id,
    segments: Vec<u32>,
}

impl ShadowIndex {
    pub fn load(data: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(data);
        let mut index = Self::default();
        for _ in 0..reader.map()? {
            let id = reader
                .raw()?
                .try_into()
                .map_err(|_| Error::integrity("a key of the shadow index is no id"))?;
            let segments = (0..reader.array()?)
                .map(|_| {
                    let number = reader.int()?;
                    u32::try_from(number).map_err(|_| Error::integrity(format!("{number} is no segment")))
                })
                .collect::<Result<_>>()?;
            *index.entry(&id) = segments;
        }
        if reader.position() != data.len() {
            return Err(Error::integrity("something follows the shadow index"));
        }
        Ok(index)
    }

    pub fn save(&self) -> Shared {
        let mut out = Vec::with_capacity(self.len() * (2 + size_of::<Record>()));
        msgpack::write_map_header(&mut out, self.len());
        for record in self.records.iter().flatten() {
            msgpack::write_raw(&mut out, &record.id);
            msgpack::write_array_header(&mut out, record.segments.len());
            for &segment in &record.segments {
                msgpack::write_uint(&mut out, segment.into());
            }
        }
        Shared::from(out)
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub fn get(&self, id: &Id) -> Option<&[u32]> {
        let &place = self.places.get(id)?;
        self.records[place].as_ref().map(|record| record.segments.as_slice())
    }

    /// Notes that a PUT of each id in `segment` was superseded.
    pub fn add_many(&mut self, ids: &[Id], segment: u32) {
        for id in ids {
            self.entry(id).push(segment);
        }
    }

    /// Whether a PUT of the id in a segment before `segment` may still be lying about.
    pub fn may_come_back(&self, id: &Id, segment: u32) -> bool {
        self.get(id)
            .is_none_or(|shadowed| shadowed.iter().any(|&older| older < segment))
    }

    /// Drops the segments above `segment`. Ids stay, even with no segment: that says that there is none, not that nobody knows.
    pub fn forget_after(&mut self, segment: i64) {
        for record in self.records.iter_mut().flatten() {
            record.segments.retain(|&number| i64::from(number) <= segment);
        }
    }

    /// Notes that one superseded PUT of the id in `segment` will be gone.
    pub fn forget_put(&mut self, id: &Id, segment: u32) {
        if let Some(&place) = self.places.get(id)
            && let Some(record) = &mut self.records[place]
            && let Some(found) = record.segments.iter().position(|&number| number == segment)
        {
            record.segments.remove(found);
        }
    }

    /// Drops an id for which no segment is left.
    pub fn forget_if_empty(&mut self, id: &Id) {
        if self.get(id).is_some_and(<[u32]>::is_empty)
            && let Some(place) = self.places.remove(id)
        {
            self.records[place] = None;
        }
    }

    fn entry(&mut self, id: &Id) -> &mut Vec<u32> {
        let place = *self.places.entry(*id).or_insert_with(|| {
            self.records.push(None);
            self.records.len() - 1
        });
        &mut self.records[place]
            .get_or_insert_with(|| Record {
                id: *id,
                segments: Vec::with_capacity(1),
            })
            .segments
    }
}
