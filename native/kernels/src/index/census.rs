//! Which objects a repository holds, and which of them anything refers to.

use std::collections::HashSet;

use super::table::{AHEAD, Slot, Table};
use crate::Id;
use crate::errors::Result;

const UNUSED: u32 = 0;

/// References are noted in attempts: what an attempt noted counts unless it is abandoned.
pub struct Census {
    /// The attempt in which a reference was first noted.
    table: Table<4>,
    attempt: u32,
    abandoned: HashSet<u32>,
}

impl Census {
    pub fn new(ids: &[Id]) -> Result<Self> {
        let mut census = Self {
            table: Table::with_capacity(ids.len() + ids.len() / 2)?,
            attempt: 1,
            abandoned: HashSet::new(),
        };
        census.add(ids)?;
        Ok(census)
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&mut self, id: &Id) -> bool {
        matches!(self.table.find(id), Slot::Found(_))
    }

    /// Enters objects, which nothing refers to yet; those that are known stay as they are.
    pub fn add(&mut self, ids: &[Id]) -> Result<()> {
        for id in ids {
            if let Slot::Free(free) = self.table.find(id) {
                self.table.insert(id, UNUSED.to_le_bytes(), free)?;
            }
        }
        Ok(())
    }

    /// Takes objects out.
    pub fn remove(&mut self, ids: &[Id]) -> Result<()> {
        for id in ids {
            if let Slot::Found(bucket) = self.table.find(id) {
                self.table.remove(bucket)?;
            }
        }
        Ok(())
    }

    /// What is noted from now on can be abandoned without what was noted before. Returns the number of the attempt.
    pub fn begin(&mut self) -> u32 {
        self.attempt += 1;
        self.attempt
    }

    /// Forgets what was noted since `begin`.
    pub fn abandon(&mut self) {
        self.abandoned.insert(self.attempt);
        self.attempt += 1;
    }

    /// Whether what an attempt noted counts.
    pub fn counts(&self, attempt: u32) -> bool {
        !self.abandoned.contains(&attempt)
    }

    /// Notes a reference to each of these; false if one is not there (the others are noted nevertheless).
    pub fn refer<'a>(&mut self, ids: impl Iterator<Item = &'a Id> + Clone) -> bool {
        let mut ids = ids;
        let mut complete = true;
        loop {
            let run = ids.clone().take(AHEAD);
            self.table.touch(run.clone());
            let mut count = 0;
            for id in run {
                complete &= self.refer_to(id);
                count += 1;
            }
            if count < AHEAD {
                return complete;
            }
            ids.nth(AHEAD - 1);
        }
    }

    fn refer_to(&mut self, id: &Id) -> bool {
        let Slot::Found(bucket) = self.table.find(id) else {
            return false;
        };
        let noted = u32::from_le_bytes(self.table.value(bucket));
        if noted == UNUSED || !self.counts(noted) {
            self.table.set_value(bucket, self.attempt.to_le_bytes());
        }
        true
    }

    /// The objects that nothing refers to.
    pub fn unused(&self) -> Vec<Id> {
        let unused = self.table.used_from(0).filter(|&bucket| {
            let noted = u32::from_le_bytes(self.table.value(bucket));
            noted == UNUSED || !self.counts(noted)
        });
        unused.map(|bucket| *self.table.key(bucket)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn id(number: usize) -> Id {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        id
    }

    #[test]
    fn what_was_noted_counts_unless_abandoned() {
        let ids: Vec<Id> = (0..200).map(id).collect();
        let mut census = Census::new(&ids).unwrap();
        assert_eq!(census.unused().len(), 200);
        census.begin();
        assert!(census.refer(ids[..100].iter()));
        census.begin();
        assert!(census.refer(ids[50..150].iter()));
        census.abandon();
        let mut unused = census.unused();
        unused.sort_unstable();
        let mut expected = ids[100..].to_vec();
        expected.sort_unstable();
        assert_eq!(unused, expected);
        census.begin();
        assert!(!census.refer([ids[120], id(1000)].iter()));
        assert_eq!(census.unused().len(), 99);
    }

    #[test]
    fn removed_objects_are_gone_and_added_ones_unused() {
        let mut census = Census::new(&[id(1), id(2)]).unwrap();
        assert!(census.refer([id(1)].iter()));
        census.add(&[id(1), id(3)]).unwrap();
        census.remove(&[id(2)]).unwrap();
        assert_eq!(census.unused(), [id(3)]);
        assert!(!census.contains(&id(2)));
        assert_eq!(census.len(), 2);
    }
}
