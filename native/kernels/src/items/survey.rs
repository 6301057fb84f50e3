//! Whether archives lack anything: their items against the rules, and their references against what is there.
//!
//! Nearly all archives are flawless, and finding that out is all that happens here. What exactly is wrong with one that is not,
//! `salvage` tells.

use std::collections::HashMap;
use std::sync::Arc;

use super::framing::ItemFrames;
use super::item::Item;
use super::references::ItemReferences;
use super::rules::ItemRules;
use crate::Id;
use crate::errors::Result;
use crate::index::Census;
use crate::msgpack::Reader;

/// The objects of a repository, and the archives that were looked at.
pub struct Survey {
    pub census: Census,
    rules: Arc<ItemRules>,
    /// Chunks of item streams that many archives share: the attempt in which what they refer to was noted,
    /// and whether all of it is there.
    met: HashMap<Id, (u32, bool)>,
    attempt: u32,
}

impl Survey {
    pub fn new(ids: &[Id], rules: Arc<ItemRules>) -> Result<Self> {
        Ok(Self {
            census: Census::new(ids)?,
            rules,
            met: HashMap::new(),
            attempt: 0,
        })
    }

    /// Begins with an archive. What it refers to counts unless it is abandoned.
    pub fn begin(&mut self) {
        self.attempt = self.census.begin();
    }

    /// Goes on in an item stream with these chunks. Returns how many were taken, and whether they are flawless so far.
    ///
    /// If not all were, the rest of the next one after its head must be fed to `examine_rest`.
    pub fn examine<'a>(
        &mut self,
        frames: &mut ItemFrames,
        chunks: impl Iterator<Item = &'a Arc<ItemReferences>>,
    ) -> Result<(usize, bool)> {
        let mut taken = 0;
        let mut flawless = true;
        for chunk in chunks {
            flawless &= self.census.refer(std::iter::once(&chunk.own.0));
            let (rules, census) = (&self.rules, &mut self.census);
            let mut found = Vec::new();
            let whole = chunk.feed_frames(frames, |packed| {
                found.clear();
                flawless &= rules.examine(&mut Reader::new(packed), &mut found)?.is_sound;
                flawless &= census.refer(found.iter().map(|(id, ..)| id));
                Ok(())
            })?;
            if !whole {
                break;
            }
            flawless &= self.refer_to_inner(chunk);
            taken += 1;
        }
        Ok((taken, flawless))
    }

    /// The rest of a chunk that was parsed wrongly; whether it is flawless.
    pub fn examine_rest(&mut self, frames: &mut ItemFrames, piece: &[u8]) -> Result<bool> {
        let mut flawless = true;
        let mut found = Vec::new();
        frames.feed(piece, |packed| {
            found.clear();
            flawless &= self.rules.examine(&mut Reader::new(packed), &mut found)?.is_sound;
            flawless &= self.census.refer(found.iter().map(|(id, ..)| id));
            Ok(())
        })?;
        Ok(flawless)
    }

    fn refer_to_inner(&mut self, chunk: &ItemReferences) -> bool {
        if let Some(&(attempt, flawless)) = self.met.get(&chunk.own.0)
            && self.census.counts(attempt)
        {
            return flawless;
        }
        let flawless = self.census.refer(chunk.inner().iter().map(|(id, ..)| id)) && chunk.is_sound();
        self.met.insert(chunk.own.0, (self.attempt, flawless));
        flawless
    }

    /// Which of the items need a closer look: they lost something now or before, or do not add up.
    pub fn flawed(&mut self, items: &[&Item]) -> Vec<usize> {
        let flawed = items.iter().enumerate().filter(|(_, item)| {
            let chunks = item.chunks.as_ref();
            let covered = chunks.map_or(0, crate::chunking::ChunkList::size_bytes);
            item.chunks_healthy.is_some()
                || item.size.is_some_and(|size| chunks.is_some() && size != covered)
                || chunks.is_some_and(|list| list.ids.iter().any(|id| !self.census.contains(id)))
        });
        flawed.map(|(place, _)| place).collect()
    }

    /// Notes what items refer to; chunks that are not there do not matter.
    pub fn refer_to_content(&mut self, items: &[&Item]) {
        for list in items.iter().filter_map(|item| item.chunks.as_ref()) {
            self.census.refer(list.ids.iter());
        }
    }
}
