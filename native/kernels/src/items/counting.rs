//! Counting chunk references straight from an item stream, without building items: how a chunk index is made from archives, and
//! how an archive's references are given up again.

use super::framing::ItemFrames;
use super::item::chunk_entry;
use super::msgpack::Reader;
use crate::Id;
use crate::errors::{Error, Result};
use crate::index::{ChunkTable, Released};

/// Feeds a piece of an item stream and adds one reference per entry of every `chunks`. `chunks_healthy` does not count.
pub fn count_items(frames: &mut ItemFrames, piece: &[u8], index: &mut ChunkTable) -> Result<()> {
    frames.feed(piece, |packed| {
        let mut reader = Reader::new(packed);
        for _ in 0..reader.map()? {
            if reader.raw()? != b"chunks" {
                reader.skip()?;
                continue;
            }
            if reader.nil()? {
                continue;
            }
            for _ in 0..reader.array()? {
                let (id, size, csize) = chunk_entry(&mut reader)?;
                index.add(&id, 1, size, csize)?;
            }
        }
        Ok(())
    })
}

/// Feeds a piece of an item stream and gives up one reference per entry of every `chunks`, item by item.
///
/// Part files give up their references like others, but their sizes only count `with_parts`. Damage in the stream is returned
/// beside what was released before it; an error is a chunk that the index does not know.
pub fn release_items(
    frames: &mut ItemFrames,
    piece: &[u8],
    index: &mut ChunkTable,
    with_parts: bool,
) -> Result<(Released, Option<String>)> {
    let mut released = Released::default();
    let mut ids = Vec::new();
    let fed = frames.feed(piece, |packed| {
        ids.clear();
        let is_part = references(packed, &mut ids)?;
        index.release(&ids, with_parts || !is_part, &mut released)
    });
    match fed {
        Ok(()) => Ok((released, None)),
        Err(Error::Integrity(damage)) => Ok((released, Some(damage))),
        Err(error) => Err(error),
    }
}

/// Collects the chunks of one item; true if it is a part file.
fn references(packed: &[u8], ids: &mut Vec<Id>) -> Result<bool> {
    let mut reader = Reader::new(packed);
    let mut is_part = false;
    for _ in 0..reader.map()? {
        let key = reader.raw()?;
        is_part |= key == b"part";
        if key != b"chunks" {
            reader.skip()?;
        } else if !reader.nil()? {
            for _ in 0..reader.array()? {
                ids.push(chunk_entry(&mut reader)?.0);
            }
        }
    }
    Ok(is_part)
}
