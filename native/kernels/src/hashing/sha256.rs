//! SHA-256 and HMAC-SHA-256 of many messages, two at a time where the processor gains from it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::simd::{Block, Words, compress_pair, has_pairs};
use crate::Id;
use crate::errors::{Error, Result};

const BLOCK: usize = 64;
const INITIAL: Words = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// How many messages one core hashes at the same time.
pub fn lanes() -> usize {
    if has_pairs() { 2 } else { 1 }
}

/// The SHA-256 of each input.
pub fn digest_many(inputs: &[&[u8]]) -> Vec<Id> {
    if lanes() == 1 || inputs.len() == 1 {
        return inputs.iter().map(|input| Sha256::digest(input).into()).collect();
    }
    digest_in_pairs(&INITIAL, 0, inputs)
}

/// HMAC-SHA-256 that has absorbed its key.
pub struct PrimedHmac {
    whole: Hmac<Sha256>,
    /// States after the key's inner and outer block.
    inner: Zeroizing<Words>,
    outer: Zeroizing<Words>,
}

impl PrimedHmac {
    pub fn new(key: &[u8]) -> Result<Self> {
        let whole = Hmac::new_from_slice(key).map_err(|_| Error::value("HMAC does not take this key"))?;
        let mut block = Zeroizing::new([0; BLOCK]);
        if key.len() > BLOCK {
            block[..32].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let after = |pad: u8| {
            let padded = Zeroizing::new(block.map(|byte| byte ^ pad));
            let mut words = Zeroizing::new(INITIAL);
            compress256(&mut words, std::slice::from_ref(&*padded));
            words
        };
        let (inner, outer) = (after(0x36), after(0x5c));
        Ok(Self { whole, inner, outer })
    }

    /// A computation of its own that begins after the key.
    pub fn start(&self) -> Hmac<Sha256> {
        self.whole.clone()
    }

    pub fn digest(&self, data: &[u8]) -> Id {
        let mut mac = self.start();
        mac.update(data);
        mac.finalize().into_bytes().into()
    }

    pub fn digest_many(&self, inputs: &[&[u8]]) -> Vec<Id> {
        if lanes() == 1 || inputs.len() == 1 {
            return inputs.iter().map(|input| self.digest(input)).collect();
        }
        let mut digests = digest_in_pairs(&self.inner, BLOCK, inputs);
        for digest in &mut digests {
            let mut words = self.outer.clone();
            *digest = finish(&mut words, BLOCK + digest.len(), &*digest);
        }
        digests
    }
}

/// A message on its way.
struct Lane<'a> {
    index: usize,
    words: Zeroizing<Words>,
    blocks: &'a [Block],
    /// What does not fill a block.
    tail: &'a [u8],
}

/// Digests of inputs that follow `before` bytes, a multiple of the block, which led to the state `start`.
fn digest_in_pairs(start: &Words, before: usize, inputs: &[&[u8]]) -> Vec<Id> {
    let mut digests = vec![Id::default(); inputs.len()];
    let mut waiting = inputs.iter().enumerate().map(|(index, input)| {
        let (blocks, tail) = input.as_chunks();
        Lane {
            index,
            words: Zeroizing::new(*start),
            blocks,
            tail,
        }
    });
    let mut end = |lane: &mut Lane| digests[lane.index] = finish(&mut lane.words, before + inputs[lane.index].len(), lane.tail);
    let (mut one, mut two) = (waiting.next(), waiting.next());
    while let (Some(a), Some(b)) = (&mut one, &mut two) {
        compress_pair([&mut a.words, &mut b.words], [a.blocks, b.blocks]);
        let count = a.blocks.len().min(b.blocks.len());
        for lane in [&mut one, &mut two] {
            if let Some(running) = lane {
                running.blocks = &running.blocks[count..];
                if running.blocks.is_empty() {
                    end(running);
                    *lane = waiting.next();
                }
            }
        }
    }
    for lane in [one, two].iter_mut().flatten() {
        compress256(&mut lane.words, lane.blocks);
        end(lane);
    }
    digests
}

/// Pads a message of `length` bytes of which `tail` is not absorbed yet.
fn finish(words: &mut Words, length: usize, tail: &[u8]) -> Id {
    let mut padding = [[0; BLOCK]; 2];
    let used = if tail.len() < BLOCK - 8 { 1 } else { 2 };
    let bytes = padding[..used].as_flattened_mut();
    bytes[..tail.len()].copy_from_slice(tail);
    bytes[tail.len()] = 0x80;
    let end = bytes.len();
    bytes[end - 8..].copy_from_slice(&(length as u64 * 8).to_be_bytes());
    compress256(words, &padding[..used]);
    let mut digest = Id::default();
    for (bytes, word) in digest.chunks_exact_mut(4).zip(words.iter()) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    words.zeroize();
    digest
}
