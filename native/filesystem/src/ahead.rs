//! Recognises what reads in archive order, one file or many files in a row, and says how far ahead of it chunks should come.

use std::sync::Arc;

use vinculum_kernels::Id;

use crate::handing::Gift;
use crate::tree::Tree;

/// How many readers are told apart.
const STREAMS: usize = 16;
/// A reader may leave out so many chunks, such as files it has read before, and go back as many.
const SLACK: u32 = 64;
const FIRST_WINDOW: usize = 128 * 1024;
/// Nor do more chunks than this come ahead: those of small files are many, and memory is best used again.
const MOST_CHUNKS: u32 = 1024;
/// Smaller chunks may be part of several files, and take little room.
const LARGE: usize = 64 * 1024;

/// A reader.
pub struct Stream {
    /// Tells it from all others there have ever been.
    pub id: u64,
    pub number: u32,
    pub tree: Arc<Tree>,
    /// The chunk that was read last.
    at: u32,
    /// The last chunk that was read, or handed over before it was asked for.
    reached: u32,
    /// The first chunk that did not come ahead yet.
    ahead: u32,
    /// The first chunk that it may come back to.
    behind: u32,
    window: usize,
    pub gift: Gift,
}

/// The readers that were seen last, the latest at the end.
pub struct Streams {
    streams: Vec<Stream>,
    seen: u64,
    largest_window: usize,
}

impl Streams {
    /// Never looks ahead farther than `largest_window` bytes.
    pub fn new(largest_window: usize) -> Self {
        Self {
            streams: Vec::new(),
            seen: 0,
            largest_window,
        }
    }

    /// Notes that chunks from `first` to `last` are read, which belong to a node of tree `number`.
    /// None for a reader who jumps about.
    pub fn note(&mut self, number: u32, tree: &Arc<Tree>, node: u32, first: u32, last: u32) -> Option<&mut Stream> {
        let follows = |stream: &Stream| {
            stream.number == number && first <= stream.at.max(stream.ahead) + SLACK && first + SLACK >= stream.at
        };
        let Some(found) = self.streams.iter().rposition(follows) else {
            if self.streams.len() == STREAMS {
                self.streams.remove(0);
            }
            self.seen += 1;
            self.streams.push(Stream {
                id: self.seen,
                number,
                tree: Arc::clone(tree),
                at: last,
                reached: last,
                ahead: last + 1,
                behind: first,
                window: 0,
                gift: Gift::behind(node),
            });
            return None;
        };
        let mut stream = self.streams.remove(found);
        stream.at = last;
        stream.reach(last);
        stream.window = (stream.window * 2).clamp(FIRST_WINDOW.min(self.largest_window), self.largest_window);
        stream.gift.renew(node, stream.window);
        self.streams.push(stream);
        self.streams.last_mut()
    }

    pub fn latest_first(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.streams.iter_mut().rev()
    }
}

impl Stream {
    /// The chunks up to this one are with the reader, or were handed over.
    pub fn reach(&mut self, chunk: u32) {
        self.reached = self.reached.max(chunk);
        self.ahead = self.ahead.max(chunk + 1);
    }

    /// Large chunks that the reader is done with: fronts keep what they were told. Not the last one,
    /// as requests overtake each other.
    pub fn leave_behind(&mut self) -> impl Iterator<Item = Id> {
        let from = self.behind;
        self.behind = from.max(self.at.saturating_sub(1));
        let chunks = self.tree.contents.from(from).take((self.behind - from) as usize);
        chunks.filter(|&(_, size)| size >= LARGE).map(|(id, _)| id)
    }

    /// The chunks that should come next.
    pub fn look_ahead(&mut self) -> Vec<(Id, usize)> {
        let contents = &self.tree.contents;
        let mut distance = contents.distance(self.reached, self.ahead);
        let mut chunks = Vec::new();
        // Rather many at once than one at a time.
        if distance > self.window / 2 || self.ahead - self.reached > MOST_CHUNKS / 2 {
            return chunks;
        }
        for (id, size) in contents.from(self.ahead) {
            if distance >= self.window || self.ahead - self.reached > MOST_CHUNKS {
                break;
            }
            distance += size;
            self.ahead += 1;
            if size > 0 {
                chunks.push((id, size));
            }
        }
        chunks
    }
}
