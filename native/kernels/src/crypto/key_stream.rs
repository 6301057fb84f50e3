//! `KeyStream`: AES-256 in CTR mode over bytes in their place.

use aes::Aes256;
use aes::cipher::BlockCipherEncrypt;

use super::BLOCK;

/// Counters that are encrypted together: as many as the widest instructions take at once. Even a few bytes cost less this way
/// than with one counter after the other.
const TOGETHER: usize = 64;

/// The key stream from some counter on.
#[derive(Clone)]
pub(super) struct KeyStream<'a> {
    aes: &'a Aes256,
    counter: u128,
}

impl<'a> KeyStream<'a> {
    pub(super) fn new(aes: &'a Aes256, counter: u128) -> Self {
        Self { aes, counter }
    }

    /// Encrypts or decrypts the next bytes in their place: whole blocks unless they are the last.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        // Not wiped: it tells no more than the plaintext, which lies in memory as well.
        let mut stream = [aes::Block::default(); TOGETHER];
        for part in bytes.chunks_mut(TOGETHER * BLOCK) {
            for (ahead, block) in (0..).zip(stream.iter_mut()) {
                *block = self.counter.wrapping_add(ahead).to_be_bytes().into();
            }
            self.aes.encrypt_blocks(&mut stream);
            let (blocks, tail) = part.as_chunks_mut::<BLOCK>();
            self.counter = self.counter.wrapping_add(blocks.len() as u128);
            for (block, key) in blocks.iter_mut().zip(stream.iter()) {
                *block = (u128::from_ne_bytes(*block) ^ u128::from_ne_bytes((*key).into())).to_ne_bytes();
            }
            // Not longer than a block.
            for (byte, key) in tail.iter_mut().zip(stream.get(blocks.len()).into_iter().flatten()) {
                *byte ^= key;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use aes::cipher::{KeyInit, KeyIvInit, StreamCipher};
    use ctr::Ctr128BE;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_another_implementation(length in 0usize..5000, cut in 0usize..300, low in any::<u128>(), near_end in any::<bool>()) {
            let counter = if near_end { u128::MAX - low % 300 } else { low };
            let mut expected: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
            let mut bytes = expected.clone();
            Ctr128BE::<Aes256>::new(&[9; 32].into(), &counter.to_be_bytes().into()).apply_keystream(&mut expected);
            let aes = Aes256::new(&[9; 32].into());
            let mut stream = KeyStream::new(&aes, counter);
            let (first, second) = bytes.split_at_mut(length.min(cut * BLOCK));
            stream.apply(first);
            stream.apply(second);
            prop_assert_eq!(bytes, expected);
        }
    }
}
