//! Consecutive items of a stream as they came, packed, with the places where each begins and ends.

use std::ops::Range;

use rayon::prelude::*;

use crate::errors::Result;
use crate::memory::{self, Shared};
use crate::parallel;

use super::{Item, ItemFrames, ItemName, ItemView};

/// Some items in order. Cloning shares their memory. Immutable.
#[derive(Clone)]
pub struct ItemWindow {
    data: Shared,
    /// Where the items are in the data.
    spans: Vec<Range<u32>>,
}

/// How many items a thread takes at once.
const SHARE: usize = 512;

impl ItemWindow {
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The packed bytes of one item.
    pub fn packed(&self, place: usize) -> &[u8] {
        let span = &self.spans[place];
        &self.data[span.start as usize..span.end as usize]
    }

    /// What `read` makes of every run of items, in parallel, in order.
    pub fn map_runs<T: Send>(&self, read: impl Fn(Range<usize>) -> Result<T> + Sync) -> Result<Vec<T>> {
        let count = self.len().div_ceil(SHARE);
        let run = |number: usize| read(number * SHARE..self.len().min((number + 1) * SHARE));
        if parallel::is_worthwhile(count, self.data.len()) {
            (0..count).into_par_iter().map(run).collect()
        } else {
            (0..count).map(run).collect()
        }
    }

    /// All items with all they have.
    pub fn items(&self) -> Result<Vec<Item>> {
        let runs = self.map_runs(|places| {
            let items = places.map(|place| Ok(ItemView::parse(self.packed(place))?.to_item()));
            items.collect::<Result<Vec<Item>>>()
        })?;
        Ok(runs.into_iter().flatten().collect())
    }

    /// What `read` makes of the name of each item.
    pub fn map_names<T: Send>(&self, read: impl Fn(ItemName) -> T + Sync) -> Result<Vec<T>> {
        let runs = self.map_runs(|places| {
            let names = places.map(|place| Ok(read(ItemName::parse(self.packed(place))?)));
            names.collect::<Result<Vec<T>>>()
        })?;
        Ok(runs.into_iter().flatten().collect())
    }

    /// Sum of the sizes of their contents.
    pub fn content_bytes(&self) -> Result<u64> {
        let runs = self.map_runs(|places| {
            let sizes = places.map(|place| {
                Ok(ItemView::parse(self.packed(place))?
                    .chunks
                    .map_or(0, |chunks| chunks.size_bytes))
            });
            sizes.sum::<Result<u64>>()
        })?;
        Ok(runs.into_iter().sum())
    }

    /// Some consecutive items; none beyond the end.
    pub fn part(&self, places: Range<usize>) -> Self {
        let end = places.end.min(self.len());
        Self {
            data: self.data.clone(),
            spans: self.spans[places.start.min(end)..end].to_vec(),
        }
    }

    /// The items for which `is_wanted` holds.
    pub fn filter(&self, mut is_wanted: impl FnMut(usize) -> bool) -> Self {
        let wanted = (0..self.len()).filter(|&place| is_wanted(place));
        Self {
            data: self.data.clone(),
            spans: wanted.map(|place| self.spans[place].clone()).collect(),
        }
    }

    /// The items without those that are parts of files, as checkpoints leave them.
    pub fn without_parts(&self) -> Result<Self> {
        let parts = self.map_names(|name| name.is_part)?;
        Ok(if parts.contains(&true) {
            self.filter(|place| !parts[place])
        } else {
            self.clone()
        })
    }
}

/// Turns the pieces of an item stream into windows.
#[derive(Default)]
pub struct ItemWindowDecoder {
    frames: ItemFrames,
}

impl ItemWindowDecoder {
    /// The items that are complete with these pieces.
    pub fn feed(&mut self, pieces: &[Shared]) -> Result<ItemWindow> {
        let mut data = memory::buffer(pieces.iter().map(|piece| piece.len()).sum());
        let mut spans = Vec::new();
        for piece in pieces {
            self.frames.feed(piece, |packed| {
                let start = position(&data)?;
                data.extend_from_slice(packed);
                spans.push(start..position(&data)?);
                Ok(())
            })?;
        }
        let data = Shared::from(data);
        Ok(ItemWindow { data, spans })
    }

    pub fn finish(&mut self) -> Result<()> {
        self.frames.finish()
    }
}

fn position(data: &[u8]) -> Result<u32> {
    u32::try_from(data.len()).map_err(|_| crate::errors::Error::value("a window of 4 GiB or more"))
}
