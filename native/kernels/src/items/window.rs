//! Consecutive items of a stream as they came, packed, with the places where each begins and ends.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::errors::Result;
use crate::memory::Shared;
use crate::parallel;

use super::{Item, ItemFrames, ItemName, ItemPiece, ItemView, PathSelector};

/// Some items in order. Cloning shares their memory. Immutable.
#[derive(Clone)]
pub struct ItemWindow {
    memory: Arc<[Shared]>,
    items: Vec<Place>,
}

/// Where an item is.
#[derive(Clone, Copy)]
struct Place {
    /// Number of the memory.
    memory: u32,
    start: u32,
    end: u32,
}

/// How many items a thread takes at once.
const SHARE: usize = 512;

impl ItemWindow {
    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The packed bytes of one item.
    pub fn packed(&self, place: usize) -> &[u8] {
        let Place { memory, start, end } = self.items[place];
        &self.memory[memory as usize][start as usize..end as usize]
    }

    /// What `read` makes of every run of items, in parallel, in order.
    pub fn map_runs<T: Send>(&self, read: impl Fn(Range<usize>) -> Result<T> + Sync) -> Result<Vec<T>> {
        let count = self.len().div_ceil(SHARE);
        let run = |number: usize| read(number * SHARE..self.len().min((number + 1) * SHARE));
        let bytes = self.items.iter().map(|item| (item.end - item.start) as usize).sum();
        if parallel::is_worthwhile(count, bytes) {
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

    /// The paths of all items.
    pub fn paths(&self) -> Result<Vec<Vec<u8>>> {
        let runs = self.map_runs(|places| {
            let paths = places.map(|place| Ok(ItemName::parse(self.packed(place))?.path.to_vec()));
            paths.collect::<Result<Vec<Vec<u8>>>>()
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
            memory: Arc::clone(&self.memory),
            items: self.items[places.start.min(end)..end].to_vec(),
        }
    }

    /// The items for which `is_wanted` holds.
    pub fn filter(&self, mut is_wanted: impl FnMut(usize) -> bool) -> Self {
        let wanted = (0..self.len()).filter(|&place| is_wanted(place));
        Self {
            memory: Arc::clone(&self.memory),
            items: wanted.map(|place| self.items[place]).collect(),
        }
    }
}

/// Puts the chunks of an item stream together to windows of those items that are wanted.
#[derive(Default)]
pub struct ItemWindowDecoder {
    /// Without one all items are wanted.
    selector: Option<Arc<PathSelector>>,
    frames: ItemFrames,
    deciding: BTreeSet<usize>,
}

impl ItemWindowDecoder {
    pub fn new(selector: Option<Arc<PathSelector>>) -> Self {
        Self {
            selector,
            ..Self::default()
        }
    }

    /// By what items are chosen.
    pub fn selector(&self) -> Option<&Arc<PathSelector>> {
        self.selector.as_ref()
    }

    /// The prefixes of the selector that decided about any item so far.
    pub fn deciding(&self) -> &BTreeSet<usize> {
        &self.deciding
    }

    /// The wanted ones of the items that are complete with these chunks.
    pub fn feed(&mut self, chunks: &[Shared]) -> Result<ItemWindow> {
        let pieces = chunks
            .iter()
            .map(|chunk| ItemPiece::cut(chunk.clone(), self.selector.as_deref()));
        self.join(&pieces.collect::<Vec<_>>())
    }

    /// The same from chunks that were cut by our selector.
    pub fn join<'a>(&mut self, pieces: impl IntoIterator<Item = &'a ItemPiece>) -> Result<ItemWindow> {
        let mut window = Joined::default();
        for piece in pieces {
            self.join_one(piece, &mut window)?;
        }
        window.finish()
    }

    pub fn finish(&mut self) -> Result<()> {
        self.frames.finish()
    }

    fn join_one(&mut self, piece: &ItemPiece, window: &mut Joined) -> Result<()> {
        let Some(inner) = &piece.inner else {
            return self.go_on(&piece.data, window);
        };
        self.go_on(&piece.data[..inner.range.start], window)?;
        if !self.frames.is_between_items() {
            // It was cut in the wrong places.
            return self.go_on(&piece.data[inner.range.start..], window);
        }
        window.take(&piece.data, &inner.wanted)?;
        self.deciding.extend(&inner.deciding);
        self.go_on(&piece.data[inner.range.end..], window)
    }

    /// Goes on in the stream with bytes that were not cut.
    fn go_on(&mut self, bytes: &[u8], window: &mut Joined) -> Result<()> {
        let Self {
            selector,
            frames,
            deciding,
        } = self;
        frames.feed(bytes, |packed| {
            if let Some(selector) = selector {
                let (is_wanted, prefix) = selector.decide(&ItemName::parse(packed)?);
                deciding.extend(prefix);
                if !is_wanted {
                    return Ok(());
                }
            }
            window.copy(packed)
        })
    }
}

/// A window as it comes to be.
#[derive(Default)]
struct Joined {
    /// Items that were copied, because they straddle chunks. This will be memory number 0.
    copied: Vec<u8>,
    /// Chunks in which there are wanted items.
    chunks: Vec<Shared>,
    items: Vec<Place>,
}

impl Joined {
    fn copy(&mut self, packed: &[u8]) -> Result<()> {
        let start = narrow(self.copied.len())?;
        self.copied.extend_from_slice(packed);
        let end = narrow(self.copied.len())?;
        self.items.push(Place { memory: 0, start, end });
        Ok(())
    }

    fn take(&mut self, chunk: &Shared, wanted: &[Range<u32>]) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        self.chunks.push(chunk.clone());
        let memory = narrow(self.chunks.len())?;
        let places = wanted.iter().map(|&Range { start, end }| Place { memory, start, end });
        self.items.extend(places);
        Ok(())
    }

    fn finish(self) -> Result<ItemWindow> {
        let memory = std::iter::once(Shared::from(self.copied)).chain(self.chunks);
        Ok(ItemWindow {
            memory: memory.collect(),
            items: self.items,
        })
    }
}

fn narrow(number: usize) -> Result<u32> {
    u32::try_from(number).map_err(|_| crate::errors::Error::value("a window of 4 GiB or more"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(path: &str, is_part: bool, xattr: Option<Vec<u8>>) -> Vec<u8> {
        let item = Item {
            path: path.into(),
            mode: Some(0o100_644),
            part: is_part.then_some(1),
            xattrs: xattr.map(|value| [(b"user.x".to_vec(), Some(value)), (b"user.y".to_vec(), None)].into()),
            ..Item::default()
        };
        let mut out = Vec::new();
        item.encode(&mut out);
        out
    }

    /// An item with an attribute whose value looks like items that would be chosen.
    fn decoy(path: &str) -> Vec<u8> {
        packed(path, false, Some(packed("in/decoy", false, None).repeat(3)))
    }

    fn selector(with_parts: bool) -> Arc<PathSelector> {
        let full = [(b"in/but/not/this".to_vec(), false)].into();
        Arc::new(PathSelector::new(full, vec![(b"in/".to_vec(), true)], false, with_parts))
    }

    fn joined(decoder: &mut ItemWindowDecoder, stream: &[u8], places: &[usize]) -> Vec<Vec<u8>> {
        let chunks = places.windows(2).map(|pair| Shared::from(stream[pair[0]..pair[1]].to_vec()));
        let window = decoder.feed(&chunks.collect::<Vec<_>>()).unwrap();
        decoder.finish().unwrap();
        (0..window.len()).map(|place| window.packed(place).to_vec()).collect()
    }

    proptest! {
        #[test]
        fn chunks_put_together_hold_what_is_chosen_of_the_items(
            made in proptest::collection::vec((0usize..4, any::<bool>(), any::<bool>()), 0..12),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
            with_parts in any::<Option<bool>>(),
        ) {
            let paths = ["in", "in/this", "in/but/not/this", "out"];
            let items: Vec<Vec<u8>> = made.iter().map(|&(path, is_part, is_decoy)| match is_decoy {
                true => decoy(paths[path]),
                false => packed(paths[path], is_part, None),
            }).collect();
            let stream = items.concat();
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            places.extend([0, stream.len()]);
            places.sort_unstable();
            let mut decoder = ItemWindowDecoder::new(with_parts.map(selector));
            let found = joined(&mut decoder, &stream, &places);
            let is_chosen = |&(path, is_part, is_decoy): &(usize, bool, bool)| {
                with_parts.is_none_or(|with_parts| path < 2 && (with_parts || is_decoy || !is_part))
            };
            let chosen = made.iter().zip(&items).filter(|(made, _)| is_chosen(made));
            prop_assert_eq!(found, chosen.clone().map(|(_, packed)| packed.clone()).collect::<Vec<_>>());
            prop_assert_eq!(decoder.deciding().len(), usize::from(with_parts.is_some() && chosen.count() > 0));
        }
    }

    #[test]
    fn what_only_looks_like_items_counts_for_nothing() {
        let stream = [packed("in/first", false, None), decoy("out"), packed("in/last", false, None)].concat();
        let start = stream.windows(8).position(|bytes| bytes == b"in/decoy").unwrap();
        let stop = start + stream[start..].windows(7).position(|bytes| bytes == b"\xa6user.y").unwrap();
        let inside = ItemPiece::cut(Shared::from(stream[start..stop].to_vec()), Some(&selector(false)));
        assert_eq!(inside.inner.unwrap().wanted.len(), 1, "cut in the wrong places");
        let mut decoder = ItemWindowDecoder::new(Some(selector(false)));
        let found = joined(&mut decoder, &stream, &[0, start, stop, stream.len()]);
        assert_eq!(found, [packed("in/first", false, None), packed("in/last", false, None)]);
    }

    #[test]
    fn damage_is_met_when_the_chunks_are_put_together() {
        let mut stream = packed("in/this", false, None).repeat(3);
        let place = 2 * stream.len() / 3;
        stream[place] = 0xc1;
        let mut decoder = ItemWindowDecoder::new(Some(selector(false)));
        assert!(decoder.feed(&[Shared::from(stream)]).is_err());
        assert!(
            decoder.feed(&[]).is_ok_and(|window| window.is_empty()),
            "nothing was asked for"
        );
        assert!(decoder.finish().is_err());
    }
}
