//! Counting chunk references straight from an item stream, without building items: how a chunk index is made from archives.

use super::framing::ItemFrames;
use super::item::chunk_entry;
use super::msgpack::Reader;
use crate::errors::Result;
use crate::index::ChunkTable;

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
