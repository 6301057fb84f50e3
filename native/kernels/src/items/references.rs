//! The references in one chunk of an item stream, found without the chunks before it.
//!
//! Where its items begin is guessed (`boundaries`), and `feed`, which puts the chunks of a stream together, finds out whether
//! the guess was right. So chunks do not depend on each other: many are parsed at once,
//! and one that many archives share is parsed once.

use std::ops::Range;

use super::boundaries::find_boundary;
use super::framing::{ItemFrames, is_cut_short};
use super::item::{Reference, chunk_entry};
use super::rules::{Examined, ItemRules};
use crate::Id;
use crate::crypto::Opener;
use crate::errors::Result;
use crate::msgpack::Reader;

/// A chunk of an item stream, and what it refers to. Immutable.
#[derive(Debug)]
pub struct ItemReferences {
    /// The reference to the chunk itself, as archives hold it.
    pub own: Reference,
    found: Found,
}

#[derive(Debug, Default)]
struct Found {
    /// The end of an item that began in an earlier chunk, and the first item after it.
    head: Vec<u8>,
    /// What lies behind the last complete item. None if no place between items was found; `head` is the whole chunk then.
    tail: Option<Vec<u8>>,
    /// Of all items that are complete in this chunk, but for those in the head, in order.
    references: Vec<Reference>,
    /// Where in `references` those of part files are.
    parts: Vec<Range<usize>>,
    /// Whether there is nothing about these items that rules object to.
    is_sound: bool,
}

impl ItemReferences {
    /// From the content of a chunk and what size it has in the repository; with rules its items are judged by them.
    pub fn parse(id: Id, data: &[u8], stored_size: u32, rules: Option<&ItemRules>) -> Self {
        let found = Found::guess(data, rules).unwrap_or_else(|| Found {
            head: data.to_vec(),
            is_sound: true,
            ..Found::default()
        });
        // Chunks are far smaller than 4 GiB.
        let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
        Self {
            own: (id, size, stored_size),
            found,
        }
    }

    /// How much of the chunk is only parsed once what came before it is known.
    pub fn head_bytes(&self) -> usize {
        self.found.head.len()
    }

    /// About how much memory this takes.
    pub fn memory_bytes(&self) -> usize {
        let Found {
            head, tail, references, ..
        } = &self.found;
        size_of::<Self>() + head.len() + tail.as_ref().map_or(0, Vec::len) + size_of_val(references.as_slice())
    }

    /// Goes on in a stream with this chunk, passing references to `take` with whether they are those of a part file.
    ///
    /// False if the chunk was parsed from a wrong place on: the stream has then got no more than the head, and wants the rest.
    pub fn feed(&self, stream: &mut ItemFrames, mut take: impl FnMut(&[Reference], bool) -> Result<()>) -> Result<bool> {
        if !self.feed_ends(stream, &mut take)? {
            return Ok(false);
        }
        let Found { references, parts, .. } = &self.found;
        let mut done = 0;
        for part in parts {
            take(&references[done..part.start], false)?;
            take(&references[part.clone()], true)?;
            done = part.end;
        }
        take(&references[done..], false)?;
        Ok(true)
    }

    /// The same without the references of `inner`.
    pub fn feed_ends(&self, stream: &mut ItemFrames, mut take: impl FnMut(&[Reference], bool) -> Result<()>) -> Result<bool> {
        let mut found = Vec::new();
        self.feed_frames(stream, |packed| {
            found.clear();
            let is_part = item_references(&mut Reader::new(packed), &mut found)?;
            take(&found, is_part)
        })
    }

    /// The same with the items as they are packed.
    pub fn feed_frames(&self, stream: &mut ItemFrames, take: impl FnMut(&[u8]) -> Result<()>) -> Result<bool> {
        stream.feed(&self.found.head, take)?;
        let Some(tail) = &self.found.tail else { return Ok(true) };
        if !stream.is_between_items() {
            return Ok(false);
        }
        stream.feed(tail, |_| Ok(()))?;
        Ok(true)
    }

    /// Whether the rules by which the chunk was parsed object to nothing in it, but for its ends.
    pub fn is_sound(&self) -> bool {
        self.found.is_sound
    }

    /// The references that do not depend on what came before the chunk.
    pub fn inner(&self) -> &[Reference] {
        &self.found.references
    }
}

impl Found {
    /// None if no item seems to begin in `data`, or what seems to begin there turns out not to be one.
    fn guess(data: &[u8], rules: Option<&ItemRules>) -> Option<Self> {
        let start = find_boundary(data)?;
        let (mut references, mut parts, mut is_sound) = (Vec::new(), Vec::new(), true);
        let mut rest = &data[start..];
        while !rest.is_empty() {
            let mut reader = Reader::new(rest);
            let known = references.len();
            match judged_references(&mut reader, &mut references, rules) {
                Ok(item) => {
                    is_sound &= item.is_sound;
                    if item.is_part {
                        parts.push(known..references.len());
                    }
                }
                Err(_) if is_cut_short(rest) => {
                    references.truncate(known);
                    break;
                }
                Err(_) => return None,
            }
            rest = &rest[reader.position()..];
        }
        references.shrink_to_fit();
        Some(Self {
            head: data[..start].to_vec(),
            tail: Some(rest.to_vec()),
            references,
            parts,
            is_sound,
        })
    }
}

fn judged_references(reader: &mut Reader, found: &mut Vec<Reference>, rules: Option<&ItemRules>) -> Result<Examined> {
    if let Some(rules) = rules {
        return rules.examine(reader, found);
    }
    let is_part = item_references(reader, found)?;
    Ok(Examined { is_part, is_sound: true })
}

/// Opens stored chunks of item streams and finds their references, on several cores if there is enough to do.
pub fn find_references(
    opener: &Opener,
    stored: &[&[u8]],
    ids: &[Id],
    rules: Option<&ItemRules>,
) -> Result<Vec<ItemReferences>> {
    opener.open_each(stored, ids, |place, plain| {
        ItemReferences::parse(
            ids[place],
            &plain,
            u32::try_from(stored[place].len()).unwrap_or(u32::MAX),
            rules,
        )
    })
}

/// Collects the references of the item that comes next; true if it is a part file. `chunks_healthy` does not count.
pub fn item_references(reader: &mut Reader, found: &mut Vec<Reference>) -> Result<bool> {
    let mut is_part = false;
    for _ in 0..reader.map()? {
        let key = reader.raw()?;
        is_part |= key == b"part";
        if key != b"chunks" {
            reader.skip()?;
        } else if !reader.nil()? {
            for _ in 0..reader.array()? {
                found.push(chunk_entry(reader)?);
            }
        }
    }
    Ok(is_part)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::boundaries::seems_to_be_an_item;
    use super::super::{Item, Value, write_map};
    use super::*;

    fn parse(data: &[u8]) -> ItemReferences {
        ItemReferences::parse([7; 32], data, 70, None)
    }

    /// One item with so many chunks; with `decoy` it has an attribute whose value looks like items.
    fn packed(number: u8, chunks: usize, part: bool, decoy: bool) -> Vec<u8> {
        let ids: Vec<Id> = (0..chunks).map(|n| [number.wrapping_add(n as u8); 32]).collect();
        let (sizes, csizes) = (vec![u32::from(number); chunks], vec![70_000; chunks]);
        let inner = if decoy {
            packed(number, 2, false, false).repeat(3)
        } else {
            vec![number; 40]
        };
        let xattrs = [(b"user.x".to_vec(), Some(inner)), (b"user.y".to_vec(), None)].into();
        let mut fields = vec![
            (&b"mode"[..], Value::Uint(0o100_644)),
            (b"path", Value::Raw(b"some/where")),
            (b"mtime", Value::Time(1 << 60)),
            (b"xattrs", Value::Xattrs(&xattrs)),
        ];
        if chunks > 0 {
            fields.push((
                b"chunks",
                Value::Chunks {
                    ids: &ids,
                    sizes: &sizes,
                    csizes: &csizes,
                },
            ));
        }
        if part {
            fields.push((b"part", Value::Uint(1)));
        }
        let mut out = Vec::new();
        write_map(&mut out, &mut fields);
        out
    }

    /// (reference, whether it is a part file's) from whole items.
    fn expected(items: &[Vec<u8>]) -> Vec<(Reference, bool)> {
        let mut all = Vec::new();
        for item in items.iter().map(|packed| Item::parse(packed).unwrap()) {
            let Some(list) = item.chunks else { continue };
            for ((&id, &size), &csize) in list.ids.iter().zip(&list.sizes).zip(&list.csizes) {
                all.push(((id, size, csize), item.part.is_some()));
            }
        }
        all
    }

    proptest! {
        #[test]
        fn chunks_put_together_refer_to_what_the_items_do(
            made in proptest::collection::vec((any::<u8>(), 0usize..5, any::<bool>(), any::<bool>()), 0..12),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let items: Vec<Vec<u8>> = made.iter().map(|&(number, chunks, part, decoy)| packed(number, chunks, part, decoy)).collect();
            let stream = items.concat();
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            places.extend([0, stream.len()]);
            places.sort_unstable();
            let mut frames = ItemFrames::default();
            let mut taken = Vec::new();
            for pair in places.windows(2) {
                let data = &stream[pair[0]..pair[1]];
                let chunk = parse(data);
                let took = chunk.feed(&mut frames, |references, part| {
                    taken.extend(references.iter().map(|&reference| (reference, part)));
                    Ok(())
                }).unwrap();
                if !took {
                    frames.feed(&data[chunk.head_bytes()..], |packed| {
                        let mut found = Vec::new();
                        let part = item_references(&mut Reader::new(packed), &mut found)?;
                        taken.extend(found.into_iter().map(|reference| (reference, part)));
                        Ok(())
                    }).unwrap();
                }
            }
            frames.finish().unwrap();
            prop_assert_eq!(taken, expected(&items));
        }
    }

    #[test]
    fn only_decoys_make_the_rest_of_a_chunk_necessary() {
        for (decoy, took) in [(false, true), (true, false)] {
            let item = packed(9, 1, false, decoy);
            // The attribute itself, from its name to the header of the next one.
            let start = item.windows(6).position(|bytes| bytes == b"user.x").unwrap();
            let stop = item.windows(7).rposition(|bytes| bytes == b"\xa6user.y").unwrap();
            let mut frames = ItemFrames::default();
            frames.feed(&item[..start], |_| Ok(())).unwrap();
            let middle = parse(&item[start..stop]);
            assert_eq!(middle.feed(&mut frames, |_, _| Ok(())).unwrap(), took);
        }
    }

    #[test]
    fn a_stored_size_that_looks_like_a_map_misleads_nobody() {
        let [first, second] = [(b"p", 0x82), (b"q", 7)].map(|(path, csize)| {
            let mut out = Vec::new();
            let chunks = Value::Chunks {
                ids: &[[9; 32]],
                sizes: &[3],
                csizes: &[csize],
            };
            write_map(
                &mut out,
                &mut [(b"chunks", chunks), (b"ctime", Value::Int(1)), (b"path", Value::Raw(path))],
            );
            out
        });
        let inside = first.windows(2).position(|bytes| bytes == [0xcc, 0x82]).unwrap();
        assert!(seems_to_be_an_item(&first[inside + 1..]));
        let mut frames = ItemFrames::default();
        frames.feed(&first[..inside], |_| Ok(())).unwrap();
        let chunk = parse(&[&first[inside..], &second, &second].concat());
        let mut count = 0;
        let took = chunk.feed(&mut frames, |references, _| {
            count += references.len();
            Ok(())
        });
        assert!(took.unwrap());
        assert_eq!((count, chunk.found.references.len()), (3, 2));
    }

    #[test]
    fn damage_is_found_by_who_puts_the_chunks_together() {
        let mut stream = [packed(1, 1, false, false), packed(2, 1, false, false)].concat();
        let second = stream.len() / 2;
        stream[second] = 0xc1;
        let chunk = parse(&stream);
        let mut count = 0;
        let fed = chunk.feed(&mut ItemFrames::default(), |references, _| {
            count += references.len();
            Ok(())
        });
        assert!(fed.is_err());
        assert_eq!(count, 1);
    }
}
