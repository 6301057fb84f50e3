//! Keys from passphrases: PBKDF2-HMAC-SHA256.
//!
//! A library would do as well, but loading one takes as long as the rest of a start, and unlocking a key is most of what a
//! short command does: here an iteration is two compressions and nothing else.

use sha2::block_api::compress256;
use zeroize::Zeroizing;

use super::sha256::{BLOCK, PrimedHmac};
use super::simd::sha256::Words;
use crate::Id;

const DIGEST: usize = size_of::<Id>();
/// The end of the block that holds a digest behind a block of key: one bit, zeros, and the length of both in bits.
const DIGEST_PADDING: [u8; BLOCK - DIGEST] = {
    let mut padding = [0; BLOCK - DIGEST];
    padding[0] = 0x80;
    let bits = ((BLOCK + DIGEST) * 8) as u16;
    [padding[BLOCK - DIGEST - 2], padding[BLOCK - DIGEST - 1]] = bits.to_be_bytes();
    padding
};

/// Bytes that are gone when nobody needs them any more.
pub type Secret = Zeroizing<Vec<u8>>;

/// `length` bytes from a passphrase, as expensive as there are iterations.
pub fn derive_key(passphrase: &[u8], salt: &[u8], iterations: u32, length: usize) -> Secret {
    let passphrase = PrimedHmac::new(passphrase);
    let mut derived = Secret::new(Vec::with_capacity(length.next_multiple_of(DIGEST)));
    for number in 1..=length.div_ceil(DIGEST) as u32 {
        let first = passphrase.digest(&[salt, &number.to_be_bytes()].concat());
        let mut last = Zeroizing::new(words(&first));
        let mut sum = last.clone();
        for _ in 1..iterations {
            for start in passphrase.states() {
                let block = Zeroizing::new(padded(&last));
                last.copy_from_slice(start);
                compress256(&mut last, std::slice::from_ref(&*block));
            }
            sum.iter_mut().zip(last.iter()).for_each(|(sum, word)| *sum ^= word);
        }
        derived.extend(sum.iter().flat_map(|word| word.to_be_bytes()));
    }
    derived.truncate(length);
    derived
}

fn words(digest: &Id) -> Words {
    let mut words = Words::default();
    for (word, bytes) in words.iter_mut().zip(digest.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

fn padded(digest: &Words) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (bytes, word) in block.as_chunks_mut().0.iter_mut().zip(digest) {
        *bytes = word.to_be_bytes();
    }
    block[DIGEST..].copy_from_slice(&DIGEST_PADDING);
    block
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::hmac;
    use super::*;
    use proptest::prelude::*;

    /// PBKDF2 as it is defined.
    fn defined(passphrase: &[u8], salt: &[u8], iterations: u32, number: u32) -> Vec<u8> {
        let mut last = hmac("sha256", passphrase, &[salt, &number.to_be_bytes()].concat()).unwrap();
        let mut sum = last.clone();
        for _ in 1..iterations {
            last = hmac("sha256", passphrase, &last).unwrap();
            sum.iter_mut().zip(&last).for_each(|(sum, byte)| *sum ^= byte);
        }
        sum
    }

    proptest! {
        #[test]
        fn keys_are_as_defined(
            passphrase in proptest::collection::vec(any::<u8>(), 0..150),
            salt in proptest::collection::vec(any::<u8>(), 0..100),
            iterations in 1_u32..20,
            length in 0_usize..110,
        ) {
            let expected: Vec<u8> = (1..5).flat_map(|number| defined(&passphrase, &salt, iterations, number)).collect();
            prop_assert_eq!(&*derive_key(&passphrase, &salt, iterations, length), &expected[..length]);
        }
    }
}
