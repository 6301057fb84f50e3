//! Recognises what reads in archive order, one file or many files in a row, and says how far ahead of it chunks should come.

/// How many readers are told apart.
const STREAMS: usize = 16;
/// A reader may leave out so many chunks, such as files it has read before, and go back as many.
const SLACK: u32 = 64;
const FIRST_WINDOW: usize = 128 * 1024;

struct Stream {
    tree: u32,
    /// The chunk that was read last.
    at: u32,
    /// The first chunk that did not come ahead yet.
    ahead: u32,
    window: usize,
}

/// The readers that were seen last, the latest at the end.
pub struct Streams {
    streams: Vec<Stream>,
    largest_window: usize,
}

/// Chunks from this place on should come, until so many bytes lie between them and `at`.
pub struct Advance<'a> {
    pub from: u32,
    pub window: usize,
    /// To be set to the first chunk that was not asked for.
    pub ahead: &'a mut u32,
}

impl Streams {
    /// Never looks ahead farther than `largest_window` bytes.
    pub fn new(largest_window: usize) -> Self {
        Self {
            streams: Vec::new(),
            largest_window,
        }
    }

    /// Notes that the chunks from `first` to `last` of a tree are read. None for a reader who jumps about.
    pub fn note(&mut self, tree: u32, first: u32, last: u32) -> Option<Advance<'_>> {
        let follows =
            |stream: &Stream| stream.tree == tree && first <= stream.at.max(stream.ahead) + SLACK && first + SLACK >= stream.at;
        let Some(found) = self.streams.iter().rposition(follows) else {
            if self.streams.len() == STREAMS {
                self.streams.remove(0);
            }
            self.streams.push(Stream {
                tree,
                at: last,
                ahead: last + 1,
                window: 0,
            });
            return None;
        };
        let mut stream = self.streams.remove(found);
        stream.at = last;
        stream.ahead = stream.ahead.max(last + 1);
        stream.window = (stream.window * 2).clamp(FIRST_WINDOW.min(self.largest_window), self.largest_window);
        self.streams.push(stream);
        let stream = self.streams.last_mut()?;
        Some(Advance {
            from: stream.ahead,
            window: stream.window,
            ahead: &mut stream.ahead,
        })
    }
}
