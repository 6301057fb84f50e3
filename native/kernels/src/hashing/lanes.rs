//! Many messages through a hash function that works on several at a time.
//!
//! Each message has a lane; when it ends, the next one takes its lane over. The longest go first, so that in the end all lanes
//! run dry at about the same time, however different the lengths are.

use std::cmp::Reverse;
use std::ops::Range;

use zeroize::{Zeroize, Zeroizing};

use crate::Id;

/// A hash function with room for several messages.
pub(super) trait Lanes {
    /// Bytes of a block, a divisor of `PADDING`.
    const BLOCK: usize;
    /// A state between blocks.
    type Words: Copy + Zeroize;

    /// How many messages one core hashes at the same time, at most `MOST`.
    fn lanes() -> usize;

    /// Absorbs `count` blocks of each segment into the state with the same index.
    fn compress(states: &mut [Self::Words], segments: &[Segment], count: usize);

    /// Completes `padding`, which begins with the last `used` bytes of a message of `length` bytes, at most a block, and is
    /// zero behind them. Returns how many bytes of it are to be absorbed.
    fn pad(padding: &mut [u8; PADDING], used: usize, length: u64) -> usize;

    fn digest(words: &Self::Words) -> Id;
}

/// No hash function has more lanes.
pub(super) const MOST: usize = 8;
/// The last blocks of any message fit into this.
pub(super) const PADDING: usize = 128;

/// What is next of a message: whole blocks.
#[derive(Clone, Copy, Default)]
pub(super) struct Segment<'a> {
    pub bytes: &'a [u8],
    /// Bytes of the message before these.
    pub before: u64,
    /// The length of the message, if the segment is its padding.
    pub end: Option<u64>,
}

/// A message that comes in pieces, of `length` bytes in all. Each piece is asked for only when the one before is done with, and
/// best consists of whole blocks.
pub(crate) struct Message<P> {
    pub length: usize,
    pub pieces: P,
}

impl<'a> Message<std::iter::Once<&'a [u8]>> {
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self {
            length: bytes.len(),
            pieces: std::iter::once(bytes),
        }
    }
}

impl<'a, P: Iterator<Item = &'a [u8]>> Message<P> {
    /// For who wants nothing of the message but that it was asked for.
    pub fn take_all(self) {
        self.pieces.for_each(drop);
    }
}

/// Digests of messages that follow `before` bytes, which led to the state `start`.
pub(super) fn digest_all<'a, H, P>(start: &H::Words, before: u64, messages: impl IntoIterator<Item = Message<P>>) -> Vec<Id>
where
    H: Lanes,
    P: Iterator<Item = &'a [u8]>,
{
    let mut waiting: Vec<_> = messages.into_iter().enumerate().collect();
    let mut digests = vec![Id::default(); waiting.len()];
    waiting.sort_by_key(|(_, message)| Reverse(message.length));
    let mut waiting = waiting.into_iter();
    let lanes = H::lanes();
    // Neither may grow: that would leave states behind in memory that is not wiped.
    let mut states = Zeroizing::new(Vec::with_capacity(lanes));
    let mut running: Vec<Lane<P>> = Vec::with_capacity(lanes);
    loop {
        for (index, message) in waiting.by_ref().take(lanes - running.len()) {
            states.push(*start);
            running.push(Lane::new(index, before, message));
        }
        if running.is_empty() {
            return digests;
        }
        let used = running.len();
        let mut segments = [Segment::default(); MOST];
        let mut count = usize::MAX;
        for (lane, segment) in running.iter_mut().zip(&mut segments) {
            *segment = lane.segment::<H>();
            count = count.min(segment.bytes.len() / H::BLOCK);
        }
        H::compress(&mut states, &segments[..used], count);
        for slot in (0..used).rev() {
            if running[slot].has_ended_after(count * H::BLOCK) {
                digests[running[slot].index] = H::digest(&states[slot]);
                states[slot].zeroize();
                states.swap_remove(slot);
                running.swap_remove(slot);
            }
        }
    }
}

/// A message on its way.
struct Lane<'a, P> {
    index: usize,
    pieces: P,
    /// What is left of the current piece.
    piece: &'a [u8],
    /// Bytes in pieces to come.
    to_come: usize,
    absorbed: u64,
    /// A block that goes across pieces, or what ends the message.
    buffer: [u8; PADDING],
    /// The part of the buffer that is to be absorbed next, before anything else.
    ready: Range<usize>,
    is_ending: bool,
}

impl<'a, P: Iterator<Item = &'a [u8]>> Lane<'a, P> {
    fn new(index: usize, before: u64, message: Message<P>) -> Self {
        Self {
            index,
            pieces: message.pieces,
            piece: &[],
            to_come: message.length,
            absorbed: before,
            buffer: [0; PADDING],
            ready: 0..0,
            is_ending: false,
        }
    }

    /// What is to be absorbed next, at least one block.
    fn segment<H: Lanes>(&mut self) -> Segment<'_> {
        let whole = if self.ready.is_empty() { self.advance::<H>() } else { 0 };
        Segment {
            bytes: if whole > 0 {
                &self.piece[..whole]
            } else {
                &self.buffer[self.ready.clone()]
            },
            before: self.absorbed,
            end: self.is_ending.then_some(self.absorbed),
        }
    }

    /// Finds whole blocks in the current piece, or makes some ready in the buffer. Returns how many bytes the former are. The
    /// message's last block, whole or not, always ends up in the buffer, as some functions want it marked.
    fn advance<H: Lanes>(&mut self) -> usize {
        let mut buffered = 0;
        loop {
            if self.piece.is_empty() && self.to_come > 0 {
                self.piece = self.pieces.next().unwrap_or_default();
                debug_assert!(!self.piece.is_empty(), "a message is shorter than it said");
                self.to_come = self.to_come.saturating_sub(self.piece.len().max(1));
                continue;
            }
            let held_back = usize::from(self.to_come == 0);
            let whole = self.piece.len().saturating_sub(held_back) / H::BLOCK * H::BLOCK;
            if buffered == 0 && whole > 0 {
                return whole;
            }
            let (part, rest) = self.piece.split_at(self.piece.len().min(H::BLOCK - buffered));
            self.buffer[buffered..][..part.len()].copy_from_slice(part);
            buffered += part.len();
            self.piece = rest;
            if self.piece.is_empty() && self.to_come == 0 {
                self.buffer[buffered..].fill(0);
                self.absorbed += buffered as u64;
                self.ready = 0..H::pad(&mut self.buffer, buffered, self.absorbed);
                self.is_ending = true;
                return 0;
            }
            if buffered == H::BLOCK {
                self.ready = 0..buffered;
                return 0;
            }
        }
    }

    fn has_ended_after(&mut self, bytes: usize) -> bool {
        if self.ready.is_empty() {
            self.piece = &self.piece[bytes..];
        } else {
            self.ready.start += bytes;
        }
        if !self.is_ending {
            self.absorbed += bytes as u64;
        }
        self.is_ending && self.ready.is_empty()
    }
}
