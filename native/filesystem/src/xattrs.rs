//! Extended attributes of a tree. Many files have the same ones, which are kept once.

use std::collections::HashMap;

use vinculum_kernels::errors::{Error, Result};

pub type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

/// Sets of attributes; number 0 is the empty one.
#[derive(Default)]
pub struct AttributeSets {
    sets: Vec<Attributes>,
}

/// Finds sets that are known already; not needed any more when a tree is complete.
#[derive(Default)]
pub struct KnownSets(HashMap<Attributes, u32>);

impl AttributeSets {
    pub fn add(&mut self, known: &mut KnownSets, set: Attributes) -> Result<u32> {
        if set.is_empty() {
            return Ok(0);
        }
        if let Some(&number) = known.0.get(&set) {
            return Ok(number);
        }
        self.sets.push(set.clone());
        let number = u32::try_from(self.sets.len()).map_err(|_| Error::value("too many extended attributes"))?;
        known.0.insert(set, number);
        Ok(number)
    }

    pub fn get(&self, number: u32) -> &[(Vec<u8>, Vec<u8>)] {
        match number {
            0 => &[],
            number => &self.sets[number as usize - 1],
        }
    }
}
