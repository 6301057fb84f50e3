//! Finds where each item of a stream ends, however the stream is cut into pieces.
//!
//! Scanning resumes where the last piece ended, so a long item in many pieces costs linear time.

use crate::errors::{Error, Result};

use crate::msgpack::{Header, LENGTHS, MAX_DEPTH, read_header, too_deep, truncated};

/// No item of a real archive is near this; it bounds what a damaged stream makes us keep.
pub const MAX_ITEM_BYTES: usize = 64 << 20;

/// Cuts an item stream that arrives in pieces into the packed bytes of its items.
#[derive(Default)]
pub struct ItemFrames {
    /// The item that is not complete yet.
    pending: Vec<u8>,
    progress: Progress,
    broken: bool,
}

/// How far the item at the start of the pending bytes has been scanned.
#[derive(Default)]
pub(super) struct Progress {
    /// Where the next header begins; may lie beyond what has arrived.
    position: usize,
    /// Values still to come at each open level.
    open: [u64; MAX_DEPTH],
    depth: usize,
}

impl ItemFrames {
    /// Takes a piece and calls `item` with the bytes of each item that is complete now.
    /// After an error nothing is taken any more.
    pub fn feed(&mut self, piece: &[u8], item: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if self.broken {
            return Err(Error::integrity("the item stream was found damaged before"));
        }
        let result = self.cut(piece, item);
        self.broken = result.is_err();
        result
    }

    fn cut(&mut self, piece: &[u8], mut item: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut rest = piece;
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(piece);
            match self.progress.scan(&self.pending)? {
                None => return Ok(()),
                Some(length) => {
                    item(&self.pending[..length])?;
                    // The rest of the stream goes on inside `piece`: the item's end lies in it.
                    rest = &piece[piece.len() - (self.pending.len() - length)..];
                    self.pending = Vec::new();
                }
            }
        }
        while let Some(length) = self.progress.scan(rest)? {
            item(&rest[..length])?;
            rest = &rest[length..];
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// Whether everything so far belongs to complete items.
    pub fn is_between_items(&self) -> bool {
        self.pending.is_empty() && !self.broken
    }

    /// An error if the stream ends inside an item.
    pub fn finish(&mut self) -> Result<()> {
        if self.broken || !self.pending.is_empty() {
            self.broken = true;
            return Err(truncated());
        }
        Ok(())
    }
}

/// Whether `data` begins with an item that goes on behind its end.
pub fn is_cut_short(data: &[u8]) -> bool {
    matches!(Progress::default().scan(data), Ok(None))
}

impl Progress {
    /// The length of the item at the start of `data` if it is complete; `data` may only have grown since the last call.
    pub(super) fn scan(&mut self, data: &[u8]) -> Result<Option<usize>> {
        loop {
            if self.depth == 0 && self.position > 0 {
                // Every header is known; the payload of the last value may still be missing.
                let length = self.position;
                if length > data.len() {
                    return Ok(None);
                }
                *self = Self::default();
                return Ok(Some(length));
            }
            let Some(ahead) = data.get(self.position..) else {
                return Ok(None);
            };
            // Most values tell their length by their first byte.
            let quick = ahead.first().map_or(0, |&first| LENGTHS[usize::from(first)]);
            if quick > 0 && self.depth > 0 {
                self.position += usize::from(quick);
                self.close();
                self.check_length()?;
                continue;
            }
            let Some(header) = read_header(ahead)? else { return Ok(None) };
            if self.depth == 0 && !matches!(header, Header::Container { is_map: true, .. }) {
                return Err(Error::integrity("the item stream holds something that is not a map"));
            }
            match header {
                Header::Scalar { length, payload } => {
                    self.position += length + payload;
                    self.close();
                }
                Header::Container { length, values: 0, .. } => {
                    self.position += length;
                    self.close();
                }
                Header::Container { length, values, .. } => {
                    self.position += length;
                    if values > MAX_ITEM_BYTES as u64 {
                        return Err(too_long());
                    }
                    *self.open.get_mut(self.depth).ok_or_else(too_deep)? = values;
                    self.depth += 1;
                }
            }
            self.check_length()?;
        }
    }

    fn check_length(&self) -> Result<()> {
        if self.position > MAX_ITEM_BYTES {
            return Err(too_long());
        }
        Ok(())
    }

    /// One value is complete, and with it every level of which it was the last.
    fn close(&mut self) {
        while let Some(level) = self.depth.checked_sub(1) {
            self.open[level] -= 1;
            if self.open[level] > 0 {
                break;
            }
            self.depth = level;
        }
    }
}

fn too_long() -> Error {
    Error::integrity("an item is longer than any real one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::items::Item;

    fn sample() -> Vec<u8> {
        let mut out = Vec::new();
        for number in 0..20_i64 {
            let item = Item {
                path: format!("some/path/{number}").into_bytes(),
                mode: Some(0o100_644),
                mtime: Some(1_700_000_000_123_456_789 + i128::from(number)),
                source: (number % 3 == 0).then(|| vec![b'x'; 5000]),
                ..Item::default()
            };
            item.encode(&mut out);
        }
        out
    }

    #[test]
    fn any_cutting_gives_the_same_items() {
        let stream = sample();
        for step in [1, 2, 3, 7, 100, 5000, stream.len()] {
            let mut frames = ItemFrames::default();
            let mut again = Vec::new();
            let mut count = 0;
            for piece in stream.chunks(step) {
                let take = |packed: &[u8]| {
                    again.extend_from_slice(packed);
                    count += 1;
                    Ok(())
                };
                frames.feed(piece, take).expect("a sound stream");
            }
            frames.finish().expect("the end of an item");
            assert_eq!((count, &again), (20, &stream), "pieces of {step}");
        }
    }

    #[test]
    fn an_item_cut_short_is_an_error_at_the_end() {
        let stream = sample();
        let mut frames = ItemFrames::default();
        frames.feed(&stream[..stream.len() - 1], |_| Ok(())).expect("so far sound");
        assert!(frames.finish().is_err());
    }

    #[test]
    fn a_claimed_huge_length_is_refused_at_once() {
        for data in [
            &[0xdf, 0xff, 0xff, 0xff, 0xff][..],
            &[0x81, 0xa1, b'k', 0xdb, 0xff, 0xff, 0xff, 0xff],
            &[0x90],
            &[0xc1],
        ] {
            let mut frames = ItemFrames::default();
            assert!(frames.feed(data, |_| Ok(())).is_err());
            assert!(frames.feed(&[], |_| Ok(())).is_err(), "nothing is taken after an error");
        }
    }
}
