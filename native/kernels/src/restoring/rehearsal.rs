//! What a dry run reads: the content of all files in a window of items, in portions, and what that tells about each file.
//!
//! Items stay packed. Only those that something is to be said about become items of their own.

use std::ops::Range;

use crate::Id;
use crate::errors::{Error, Result};
use crate::items::{Item, ItemView, ItemWindow};
use crate::modes;

use super::outcome::Trouble;

/// The entries of one window, from the first chunk that is asked for to the last one that was opened.
pub struct ContentPlan {
    window: ItemWindow,
    /// How many leading components the paths lose; from the end, if it is negative.
    strip: isize,
    entries: Vec<Planned>,
    ids: Vec<Id>,
    sizes: Vec<u32>,
    /// Chunks that were asked for; None at the beginning.
    asked: Option<usize>,
    /// Chunks that were opened, entries that are complete with them, and how much content of the next entry there was.
    opened: usize,
    complete: usize,
    begun_bytes: u64,
}

struct Planned {
    /// In the window.
    place: usize,
    /// Where its chunks end.
    end: usize,
    content: Option<Content>,
}

/// What is to be found out about a file.
struct Content {
    promised: Option<u64>,
    is_damaged: bool,
}

#[derive(Default)]
struct Run {
    entries: Vec<Planned>,
    ids: Vec<Id>,
    sizes: Vec<u32>,
}

impl ContentPlan {
    pub fn new(window: ItemWindow, strip: isize) -> Result<Self> {
        let runs = window.map_runs(|places| Run::of(&window, places, strip))?;
        let mut all = Run::default();
        for run in runs {
            let before = all.ids.len();
            let moved = run.entries.into_iter().map(|entry| Planned {
                end: before + entry.end,
                ..entry
            });
            all.entries.extend(moved);
            all.ids.extend(run.ids);
            all.sizes.extend(run.sizes);
        }
        Ok(Self {
            window,
            strip,
            entries: all.entries,
            ids: all.ids,
            sizes: all.sizes,
            asked: None,
            opened: 0,
            complete: 0,
            begun_bytes: 0,
        })
    }

    /// The next chunks, as many as there is room for, at least one; None if there are no more. A window without content has one
    /// portion all the same, and that is empty.
    pub fn next(&mut self, most_bytes: u64, most_chunks: usize) -> Option<&[Id]> {
        let start = self.asked.unwrap_or_default();
        if self.asked.is_some() && start == self.ids.len() || self.entries.is_empty() {
            return None;
        }
        let mut bytes = 0;
        let fitting = self.sizes[start..].iter().take(most_chunks).take_while(|&&size| {
            bytes += u64::from(size);
            bytes <= most_bytes
        });
        let stop = self.ids.len().min(start + fitting.count().max(1));
        self.asked = Some(stop);
        Some(&self.ids[start..stop])
    }

    /// Takes the sizes that the next chunks turned out to have. Says what is amiss with entries that are complete now.
    pub fn settle(&mut self, sizes: &[u32]) -> Result<Vec<(usize, Trouble)>> {
        if self.opened + sizes.len() > self.asked.unwrap_or_default() {
            return Err(Error::value("more chunks than were asked for"));
        }
        let mut troubles = Vec::new();
        let mut sizes = sizes.iter();
        for (number, entry) in self.entries.iter().enumerate().skip(self.complete) {
            for size in sizes.by_ref().take(entry.end - self.opened) {
                self.begun_bytes += u64::from(*size);
                self.opened += 1;
            }
            if self.opened < entry.end {
                break;
            }
            if let Some(content) = &entry.content {
                if content.promised.is_some_and(|promised| promised != self.begun_bytes) {
                    troubles.push((number, Trouble::OtherSize(self.begun_bytes)));
                }
                if content.is_damaged {
                    troubles.push((number, Trouble::Damaged));
                }
            }
            self.begun_bytes = 0;
            self.complete = number + 1;
        }
        Ok(troubles)
    }

    /// How many entries are complete.
    pub fn complete(&self) -> usize {
        self.complete
    }

    /// How much content of the next one was opened.
    pub fn begun_bytes(&self) -> u64 {
        self.begun_bytes
    }

    pub fn item(&self, number: usize) -> Result<Item> {
        self.packed(number).and_then(Item::parse)
    }

    /// Where an entry would go.
    pub fn path(&self, number: usize) -> Result<&[u8]> {
        Ok(stripped(ItemView::parse(self.packed(number)?)?.path, self.strip))
    }

    fn packed(&self, number: usize) -> Result<&[u8]> {
        let entry = self.entries.get(number);
        let entry = entry.ok_or_else(|| Error::value(format!("no entry {number} of {}", self.entries.len())))?;
        Ok(self.window.packed(entry.place))
    }
}

impl Run {
    fn of(window: &ItemWindow, places: Range<usize>, strip: isize) -> Result<Self> {
        let mut run = Self::default();
        for place in places {
            let item = ItemView::parse(window.packed(place))?;
            if stripped(item.path, strip).is_empty() {
                continue;
            }
            let is_directory = modes::kind(item.mode.unwrap_or_default()) == modes::DIRECTORY;
            let chunks = item.chunks.filter(|_| !is_directory);
            for (id, size, _) in chunks.into_iter().flat_map(|chunks| chunks.iter()) {
                run.ids.push(id);
                run.sizes.push(size);
            }
            run.entries.push(Planned {
                place,
                end: run.ids.len(),
                content: chunks.map(|_| Content {
                    promised: item.size,
                    is_damaged: item.chunks_healthy.is_some(),
                }),
            });
        }
        Ok(run)
    }
}

/// A path without its first components; empty if nothing is left.
fn stripped(path: &[u8], count: isize) -> &[u8] {
    let slashes = || path.iter().enumerate().filter(|&(_, &byte)| byte == b'/');
    let kept = slashes().count() + 1;
    let dropped = match usize::try_from(count) {
        Ok(count) => count,
        Err(_) => kept.saturating_sub(count.unsigned_abs()),
    };
    match dropped {
        0 => path,
        _ => slashes().nth(dropped - 1).map_or(&[], |(at, _)| &path[at + 1..]),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::chunking::ChunkList;
    use crate::items::ItemWindowDecoder;
    use crate::memory::Shared;

    #[test]
    fn components_are_counted_as_slashes_part_them() {
        for (path, count, expected) in [
            ("a/b/c", 0, "a/b/c"),
            ("a/b/c", 1, "b/c"),
            ("a/b/c", 2, "c"),
            ("a/b/c", 3, ""),
            ("a//c", 1, "/c"),
            ("a/", 1, ""),
            ("a/b/c", -1, "c"),
            ("a/b/c", -9, "a/b/c"),
        ] {
            assert_eq!(stripped(path.as_bytes(), count), expected.as_bytes(), "{path} {count}");
        }
    }

    /// A file with chunks of these sizes, which promises as many bytes as they have, or another number.
    fn file(path: &str, sizes: &[u32], promised: Option<u64>) -> Vec<u8> {
        let mut chunks = ChunkList::with_capacity(sizes.len());
        sizes.iter().for_each(|&size| chunks.push([size as u8; 32], size, size));
        let mut packed = Vec::new();
        let item = Item {
            path: path.into(),
            mode: Some(0o100_644),
            size: promised.or(Some(sizes.iter().map(|&size| u64::from(size)).sum())),
            chunks: Some(chunks),
            ..Item::default()
        };
        item.encode(&mut packed);
        packed
    }

    fn plan(items: &[Vec<u8>], strip: isize) -> ContentPlan {
        let window = ItemWindowDecoder::default().feed(&[Shared::from(items.concat())]).unwrap();
        ContentPlan::new(window, strip).unwrap()
    }

    #[test]
    fn a_window_is_read_in_portions_and_its_files_end_anywhere_in_them() {
        let items = [
            file("one", &[1, 2], None),
            file("nothing", &[], None),
            file("two", &[3, 4, 5, 6], Some(17)),
            file("three", &[50], None),
            file("end", &[], None),
        ];
        for (most_bytes, most_chunks) in [(1, 1), (6, 100), (1000, 3), (1000, 1000)] {
            let mut plan = plan(&items, 0);
            let (mut told, mut complete) = (Vec::new(), Vec::new());
            while let Some(ids) = plan.next(most_bytes, most_chunks) {
                let sizes: Vec<u32> = ids.iter().map(|id| u32::from(id[0])).collect();
                assert!(sizes.len() == 1 || sizes.iter().sum::<u32>() <= most_bytes as u32 && sizes.len() <= most_chunks);
                told.extend(plan.settle(&sizes).unwrap());
                complete.push(plan.complete());
            }
            assert_eq!(told, [(2, Trouble::OtherSize(18))]);
            assert_eq!(complete.last(), Some(&5));
            assert!(complete.is_sorted());
            assert_eq!(plan.path(3).unwrap(), b"three");
            assert!(plan.settle(&[1]).is_err());
        }
    }

    #[test]
    fn what_has_no_content_is_a_portion_and_what_loses_its_path_is_none() {
        let items = [file("a/b", &[], None), file("a", &[7], None)];
        let mut plan = plan(&items, 1);
        assert_eq!(plan.next(10, 10), Some(&[][..]));
        assert_eq!(plan.settle(&[]).unwrap(), []);
        assert_eq!((plan.complete(), plan.next(10, 10)), (1, None));
        assert_eq!(plan.path(0).unwrap(), b"b");
        assert!(plan.path(1).is_err());
        assert_eq!(super::tests::plan(&items[1..], 1).next(10, 10), None);
    }
}
