//! `Strips`: what the MAC of an encrypted object covers, written piece by piece as the MAC asks for it.
//!
//! ```text
//! iv u64be | ciphertext
//! ```
//!
//! Each piece is put in its final place, encrypted, checksummed if wanted, and handed on while it is in the nearest cache.

use super::IV;
use super::cipher::Keys;
use super::key_stream::KeyStream;
use crate::compression::Compressed;

/// Bytes of a piece: whole blocks for every MAC, and few enough that the pieces of all lanes stay in the cache.
const STRIP: usize = 8 * 1024;

pub(super) struct Strips<'a> {
    /// What of the plaintext is not written yet; zeros follow.
    plain: [&'a [u8]; 2],
    /// What is not handed on yet. So that strips begin where blocks of the MAC do, and encryption goes on where one of its own
    /// blocks does, it always is as many bytes ahead as the iv has.
    place: &'a mut [u8],
    stream: KeyStream<'a>,
    crc: Option<&'a mut crc32fast::Hasher>,
}

impl<'a> Strips<'a> {
    pub(super) fn new(
        keys: &'a Keys,
        iv: u64,
        compressed: &'a Compressed,
        place: &'a mut [u8],
        crc: Option<&'a mut crc32fast::Hasher>,
    ) -> Self {
        place[..IV].copy_from_slice(&iv.to_be_bytes());
        Self {
            plain: [&compressed.head, &compressed.body],
            place,
            stream: keys.key_stream(iv),
            crc,
        }
    }
}

impl<'a> Iterator for Strips<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let place = std::mem::take(&mut self.place);
        let ahead = place.len().min(STRIP + IV);
        let payload = place.get_mut(IV..ahead).unwrap_or_default();
        let mut empty = &mut *payload;
        for plain in &mut self.plain {
            let (now, later) = plain.split_at(plain.len().min(empty.len()));
            let (written, rest) = empty.split_at_mut(now.len());
            written.copy_from_slice(now);
            (*plain, empty) = (later, rest);
        }
        empty.fill(0);
        self.stream.apply(payload);
        let (strip, rest) = place.split_at_mut(place.len().min(STRIP));
        self.place = rest;
        if let Some(crc) = &mut self.crc {
            crc.update(strip);
        }
        (!strip.is_empty()).then_some(strip)
    }
}
