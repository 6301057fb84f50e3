//! `Uncovering`: the payload of an object that was stored without packing it, decrypted piece by piece as its id asks for it.
//!
//! Each piece is in the nearest cache while it is hashed. Whoever wants the plaintext has all of it when the id is there.

use super::BLOCK;
use super::key_stream::KeyStream;

/// Whole blocks for every hash function, and few enough that the pieces of all lanes stay in the cache.
const STRIP: usize = 8 * 1024;

pub(super) struct Uncovering<'a> {
    /// What is not decrypted yet.
    ciphertext: &'a [u8],
    stream: KeyStream<'a>,
    /// Where what is not handed on yet goes.
    place: &'a mut [u8],
    /// How much of that is decrypted: pieces begin behind the header of the payload, and blocks of the key stream do not.
    ahead: usize,
}

impl<'a> Uncovering<'a> {
    /// The payload behind its first `header` bytes, not more than a block; `place` is as long as the ciphertext.
    pub(super) fn new(ciphertext: &'a [u8], stream: KeyStream<'a>, place: &'a mut [u8], header: usize) -> Self {
        let mut start = Self {
            ciphertext,
            stream,
            place,
            ahead: 0,
        };
        start.uncover(BLOCK);
        let place = std::mem::take(&mut start.place);
        Self {
            place: &mut place[header..],
            ahead: start.ahead - header,
            ..start
        }
    }

    /// Decrypts so many bytes more, whole blocks, or what is left.
    fn uncover(&mut self, length: usize) {
        let (now, later) = self.ciphertext.split_at(self.ciphertext.len().min(length));
        let place = &mut self.place[self.ahead..][..now.len()];
        place.copy_from_slice(now);
        self.stream.apply(place);
        self.ciphertext = later;
        self.ahead += now.len();
    }
}

impl<'a> Iterator for Uncovering<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.uncover(STRIP);
        let place = std::mem::take(&mut self.place);
        let (strip, rest) = place.split_at_mut(place.len().min(STRIP));
        self.place = rest;
        self.ahead -= strip.len();
        (!strip.is_empty()).then_some(strip)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use aes::Aes256;
    use aes::cipher::KeyInit;

    #[test]
    fn pieces_make_the_plaintext() {
        let aes = Aes256::new(&[9; 32].into());
        for length in [2, 3, 16, 17, 18, STRIP, STRIP + 2, STRIP + 16, 3 * STRIP + 7] {
            let payload: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
            let mut ciphertext = payload.clone();
            KeyStream::new(&aes, 5).apply(&mut ciphertext);
            let mut place = vec![0; length];
            let pieces: Vec<&[u8]> = Uncovering::new(&ciphertext, KeyStream::new(&aes, 5), &mut place, 2).collect();
            assert!(pieces.iter().rev().skip(1).all(|piece| piece.len() == STRIP));
            assert_eq!(pieces.concat(), payload[2..]);
            assert_eq!(place, payload);
        }
    }
}
