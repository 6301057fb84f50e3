//! Giving up references: chunks that nothing refers to any more leave the chunk index.

use super::chunks::{ChunkTable, absent, pack, unpack};
use super::table::{AHEAD, MAX_VALUE, Slot};
use crate::Id;
use crate::errors::Result;

/// What giving up references came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// The chunks that nothing refers to any more, in the order in which that happened.
    pub orphans: Vec<Id>,
    /// Sums over the references given up.
    pub size: u64,
    pub csize: u64,
    /// The part of `csize` that belonged to the orphans.
    pub freed: u64,
}

impl ChunkTable {
    /// Lowers the count of each id by one; returns the ids that reached zero and were removed. Fails without change if one is
    /// absent, and halfway if one is given more often than it was counted.
    pub fn remove_references(&mut self, ids: &[Id]) -> Result<Vec<Id>> {
        let mut released = Released::default();
        self.release(ids, false, &mut released)?;
        Ok(released.orphans)
    }

    /// The same, with the orphans added to `released`, and the sizes too if they are `counted`.
    pub fn release(&mut self, ids: &[Id], counted: bool, released: &mut Released) -> Result<()> {
        if let Some(id) = ids.iter().find(|id| self.get(id).is_none()) {
            return Err(absent(id));
        }
        ids.iter().try_for_each(|id| self.release_one(id, counted, released))
    }

    /// The same for (id, size, csize); where one is absent, those before it have been released.
    pub fn release_all(&mut self, references: &[(Id, u32, u32)], counted: bool, released: &mut Released) -> Result<()> {
        for run in references.chunks(AHEAD) {
            self.0.touch(run.iter().map(|(id, ..)| id));
            for (id, ..) in run {
                self.release_one(id, counted, released)?;
            }
        }
        Ok(())
    }

    fn release_one(&mut self, id: &Id, counted: bool, released: &mut Released) -> Result<()> {
        let Slot::Found(bucket) = self.0.find(id) else {
            return Err(absent(id));
        };
        let (count, size, csize) = unpack(self.0.value(bucket));
        let is_orphan = count <= 1;
        if is_orphan {
            self.0.remove(bucket)?;
            released.orphans.push(*id);
        } else if count != MAX_VALUE {
            self.0.set_value(bucket, pack(count - 1, size, csize));
        }
        if counted {
            released.size += u64::from(size);
            released.csize += u64::from(csize);
            released.freed += if is_orphan { u64::from(csize) } else { 0 };
        }
        Ok(())
    }
}
