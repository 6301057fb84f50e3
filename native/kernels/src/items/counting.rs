//! Counting chunk references straight from an item stream, without building items: how a chunk index is made from archives, and
//! how an archive's references are given up again.

use super::framing::ItemFrames;
use super::references::{ItemReferences, item_references};
use crate::errors::{Error, Result};
use crate::index::{ChunkTable, Released};
use crate::msgpack::Reader;

/// Feeds a piece of an item stream and adds one reference per entry of every `chunks`. `chunks_healthy` does not count.
pub fn count_items(frames: &mut ItemFrames, piece: &[u8], index: &mut ChunkTable) -> Result<()> {
    let mut found = Vec::new();
    frames.feed(piece, |packed| {
        found.clear();
        item_references(&mut Reader::new(packed), &mut found)?;
        index.add_all(&found, 1)
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
    let mut found = Vec::new();
    let fed = frames.feed(piece, |packed| {
        found.clear();
        let is_part = item_references(&mut Reader::new(packed), &mut found)?;
        index.release_all(&found, with_parts || !is_part, &mut released)
    });
    match fed {
        Ok(()) => Ok((released, None)),
        Err(Error::Integrity(damage)) => Ok((released, Some(damage))),
        Err(error) => Err(error),
    }
}

/// Gives up the references to and in chunks that were parsed already, as they come next in a stream. Damage is an error here.
///
/// Also returns how many were taken completely, as `ReferenceTally::count`.
pub fn release_references<'a>(
    frames: &mut ItemFrames,
    chunks: impl Iterator<Item = &'a ItemReferences>,
    index: &mut ChunkTable,
    with_parts: bool,
) -> Result<(Released, usize)> {
    let mut released = Released::default();
    let mut taken = 0;
    for chunk in chunks {
        index.release_all(&[chunk.own], true, &mut released)?;
        let whole = chunk.feed(frames, |references, is_part| {
            index.release_all(references, with_parts || !is_part, &mut released)
        })?;
        if !whole {
            break;
        }
        taken += 1;
    }
    Ok((released, taken))
}
