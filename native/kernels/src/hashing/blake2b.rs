//! BLAKE2b-256 that has absorbed a key as ordinary input: the form of ids and MACs, which is not the keyed mode of BLAKE2b.
//!
//! Only states that saw the key are kept, and they are wiped.

use zeroize::Zeroizing;

use super::lanes::{Lanes, MOST, Message, PADDING, Segment, digest_all};
pub use super::simd::blake2b::lanes;
use super::simd::blake2b::{Block, INITIAL, Input, Words, compress};
use crate::Id;

const BLOCK: usize = size_of::<Block>();
/// Digest length, no keyed mode, fanout 1 and depth 1.
const PARAMETERS: u64 = 0x0101_0020;

/// BLAKE2b as a function with lanes.
pub(super) struct Blake2b;

impl Lanes for Blake2b {
    const BLOCK: usize = BLOCK;
    type Words = Words;

    fn lanes() -> usize {
        lanes()
    }

    fn compress(states: &mut [Words], segments: &[Segment], count: usize) {
        let mut inputs = [Input::default(); MOST];
        for (input, segment) in inputs.iter_mut().zip(segments) {
            *input = Input {
                blocks: segment.bytes.as_chunks().0,
                counter: segment.end.unwrap_or(segment.before + BLOCK as u64),
                is_last: segment.end.is_some(),
            };
        }
        compress(states, &inputs[..segments.len()], count);
    }

    fn pad(_: &mut [u8; PADDING], _: usize, _: u64) -> usize {
        BLOCK
    }

    fn digest(words: &Words) -> Id {
        let mut id = Id::default();
        for (bytes, word) in id.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        id
    }
}

/// A BLAKE2b-256 state after the key.
pub struct PrimedBlake2b {
    /// After the whole blocks of the key.
    state: Zeroizing<Words>,
    absorbed: u64,
    /// What is left of a key that does not end with a block.
    rest: Zeroizing<Vec<u8>>,
    /// The digest of the key alone, where the last block of all is one of the key's.
    of_nothing: Id,
}

impl PrimedBlake2b {
    pub fn new(key: &[u8]) -> Self {
        let mut state = Zeroizing::new(INITIAL);
        state[0] ^= PARAMETERS;
        let of_nothing = digest_all::<Blake2b, _>(&state, 0, [Message::whole(key)])[0];
        let whole = key.len() / BLOCK * BLOCK;
        let (blocks, rest) = key.split_at(whole);
        let segment = Segment {
            bytes: blocks,
            before: 0,
            end: None,
        };
        Blake2b::compress(std::slice::from_mut(&mut *state), &[segment], whole / BLOCK);
        Self {
            state,
            absorbed: whole as u64,
            rest: Zeroizing::new(rest.to_vec()),
            of_nothing,
        }
    }

    pub fn digest(&self, data: &[u8]) -> Id {
        self.digest_many(&[data])[0]
    }

    pub fn digest_many(&self, inputs: &[&[u8]]) -> Vec<Id> {
        self.digest_messages(inputs.iter().map(|input| Message::whole(input)))
    }

    /// The digests of several messages, as many at a time as the processor has lanes for.
    pub(crate) fn digest_messages<'a, P>(&'a self, messages: impl Iterator<Item = Message<P>>) -> Vec<Id>
    where
        P: Iterator<Item = &'a [u8]>,
    {
        let mut empty = Vec::new();
        let messages = messages.enumerate().map(|(index, message)| {
            if message.length == 0 {
                empty.push(index);
            }
            Message {
                length: self.rest.len() + message.length,
                pieces: self.rest().chain(message.pieces),
            }
        });
        let mut digests = digest_all::<Blake2b, _>(&self.state, self.absorbed, messages);
        for index in empty {
            digests[index] = self.of_nothing;
        }
        digests
    }

    fn rest(&self) -> impl Iterator<Item = &[u8]> {
        (!self.rest.is_empty()).then_some(&self.rest[..]).into_iter()
    }
}
