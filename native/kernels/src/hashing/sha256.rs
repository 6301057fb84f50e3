//! SHA-256 and HMAC-SHA-256 of many messages, two at a time where the processor gains from it.

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::lanes::{Lanes, Message, PADDING, Segment, digest_all};
use super::simd::sha256::{Words, compress_pair, has_pairs};
use crate::Id;

pub(super) const BLOCK: usize = 64;
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

/// SHA-256 as a function with lanes.
struct Sha256InLanes;

impl Lanes for Sha256InLanes {
    const BLOCK: usize = BLOCK;
    type Words = Words;

    fn lanes() -> usize {
        lanes()
    }

    fn compress(states: &mut [Words], segments: &[Segment], count: usize) {
        match (states, segments) {
            ([one, two], [first, second]) => {
                let blocks = [first, second].map(|segment| &segment.bytes.as_chunks().0[..count]);
                compress_pair([one, two], blocks);
            }
            (states, segments) => {
                for (state, segment) in states.iter_mut().zip(segments) {
                    compress256(state, &segment.bytes.as_chunks().0[..count]);
                }
            }
        }
    }

    fn pad(padding: &mut [u8; PADDING], used: usize, length: u64) -> usize {
        let end = (used + 1 + size_of::<u64>()).next_multiple_of(BLOCK);
        padding[used] = 0x80;
        padding[end - size_of::<u64>()..end].copy_from_slice(&(length * 8).to_be_bytes());
        end
    }

    fn digest(words: &Words) -> Id {
        let mut id = Id::default();
        for (bytes, word) in id.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.to_be_bytes();
        }
        id
    }
}

/// How many messages one core hashes at the same time.
pub fn lanes() -> usize {
    if has_pairs() { 2 } else { 1 }
}

/// The SHA-256 of each input.
pub fn digest_many(inputs: &[&[u8]]) -> Vec<Id> {
    digest_messages(inputs.iter().map(|input| Message::whole(input)))
}

/// The SHA-256 of several messages.
pub(super) fn digest_messages<'a, P>(messages: impl Iterator<Item = Message<P>>) -> Vec<Id>
where
    P: Iterator<Item = &'a [u8]>,
{
    digest_all::<Sha256InLanes, _>(&INITIAL, 0, messages)
}

/// HMAC-SHA-256 that has absorbed its key.
pub struct PrimedHmac {
    /// States after the key's inner and outer block.
    inner: Zeroizing<Words>,
    outer: Zeroizing<Words>,
}

impl PrimedHmac {
    pub fn new(key: &[u8]) -> Self {
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
        Self { inner, outer }
    }

    /// The states that the inner and the outer hash go on from.
    pub(super) fn states(&self) -> [&Words; 2] {
        [&self.inner, &self.outer]
    }

    pub fn digest(&self, data: &[u8]) -> Id {
        self.digest_many(&[data])[0]
    }

    pub fn digest_many(&self, inputs: &[&[u8]]) -> Vec<Id> {
        self.digest_messages(inputs.iter().map(|input| Message::whole(input)))
    }

    /// The MACs of several messages, as many at a time as the processor has lanes for.
    pub(crate) fn digest_messages<'a, P>(&self, messages: impl Iterator<Item = Message<P>>) -> Vec<Id>
    where
        P: Iterator<Item = &'a [u8]>,
    {
        let digests = digest_all::<Sha256InLanes, _>(&self.inner, BLOCK as u64, messages);
        let messages = digests.iter().map(|digest| Message::whole(digest));
        digest_all::<Sha256InLanes, _>(&self.outer, BLOCK as u64, messages)
    }
}
