//! The items of one chunk of an item stream, cut apart without the chunks before it, and chosen in the same pass.
//!
//! So many chunks are worked on at once, each on the core that has just opened it. What straddles chunks is left to
//! `ItemWindowDecoder`, which puts them together, and finds out whether this one was cut in the right places.

use std::collections::BTreeSet;
use std::ops::Range;

use super::boundaries::find_boundary;
use super::framing::is_cut_short;
use super::{ItemName, PathSelector};
use crate::Id;
use crate::crypto::Opener;
use crate::errors::Result;
use crate::memory::Shared;
use crate::msgpack::Reader;

/// A chunk of an item stream, and which of its items are wanted. Immutable.
pub struct ItemPiece {
    pub(super) data: Shared,
    /// None if no place between items was found.
    pub(super) inner: Option<InnerItems>,
}

/// What was found in a chunk but for its ends.
pub(super) struct InnerItems {
    /// From the first place between items to the last one.
    pub range: Range<usize>,
    /// Where the wanted items are in the chunk, in order.
    pub wanted: Vec<Range<u32>>,
    /// The prefixes of the selector that decided about any.
    pub deciding: BTreeSet<usize>,
}

impl ItemPiece {
    /// Cuts a chunk; without a selector all its items are wanted.
    pub fn cut(data: Shared, selector: Option<&PathSelector>) -> Self {
        let inner = InnerItems::find(&data, selector);
        Self { data, inner }
    }

    /// How many bytes the chunk has.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
}

impl InnerItems {
    /// None if no item seems to begin in `data`, or what seems to begin there turns out not to be one.
    fn find(data: &[u8], selector: Option<&PathSelector>) -> Option<Self> {
        u32::try_from(data.len()).ok()?;
        let start = find_boundary(data)?;
        let mut inner = Self {
            range: start..data.len(),
            wanted: Vec::new(),
            deciding: BTreeSet::new(),
        };
        let mut reader = Reader::new(&data[start..]);
        loop {
            let from = start + reader.position();
            if from == data.len() {
                return Some(inner);
            }
            match inner.judge(&mut reader, selector) {
                Ok(true) => inner.wanted.push(from as u32..(start + reader.position()) as u32),
                Ok(false) => {}
                Err(_) if is_cut_short(&data[from..]) => {
                    inner.range.end = from;
                    return Some(inner);
                }
                Err(_) => return None,
            }
        }
    }

    /// Whether the item that comes next is wanted, and past that item.
    fn judge(&mut self, reader: &mut Reader, selector: Option<&PathSelector>) -> Result<bool> {
        let name = ItemName::read(reader)?;
        let (is_wanted, prefix) = selector.map_or((true, None), |selector| selector.decide(&name));
        self.deciding.extend(prefix);
        Ok(is_wanted)
    }
}

/// Opens stored chunks of item streams and cuts them, on several cores if there is enough to do.
pub fn cut_items(opener: &Opener, stored: &[&[u8]], ids: &[Id], selector: Option<&PathSelector>) -> Result<Vec<ItemPiece>> {
    opener.open_each(stored, ids, |_, plain| ItemPiece::cut(plain, selector))
}
