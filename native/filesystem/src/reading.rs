//! Content of files: what is cached answers at once, the rest is noted as wanted and answers when it has been delivered.
//!
//! `wanted` and `deliver` are the two ends of what fetches chunks, in batches and in its own thread. Those who wait for a chunk
//! keep what they have of the others, so nobody depends on how much is cached.
//! `parcels` is for a front that takes content before it asks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use vinculum_kernels::Id;
use vinculum_kernels::locks::lock;
use vinculum_kernels::memory::Shared;

use crate::Errno;
use crate::ahead::{Stream, Streams};
use crate::cache::Cache;
use crate::contents::Piece;
use crate::handing::Parcels;
use crate::tree::Tree;

/// Called once, with the parts of what was asked for in order.
pub type Reply = Box<dyn FnOnce(Result<Vec<Shared>, Errno>) + Send>;

/// Reading ahead never takes more than this, nor more than half of the cache.
const LARGEST_WINDOW: usize = 16 * 1024 * 1024;
/// How much is fetched in one go, if more is wanted: as much as keeps all cores busy and yet nobody waiting for long.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
const BATCH_CHUNKS: usize = 512;

pub struct Reader {
    state: Mutex<State>,
    /// When there may be something to hand over.
    changed: Condvar,
}

struct State {
    supply: Supply,
    streams: Streams,
    waiting: Vec<Waiting>,
    is_closed: bool,
}

/// What there is, and what was asked for.
struct Supply {
    cache: Cache,
    /// Chunks that were asked for and did not come yet; true if they are on their way.
    coming: HashMap<Id, bool>,
    /// What somebody waits for.
    needed: VecDeque<(Id, usize)>,
    /// What somebody is expected to ask for.
    expected: VecDeque<(Id, usize)>,
}

struct Waiting {
    pieces: Vec<Piece>,
    parts: Vec<Option<Shared>>,
    missing: usize,
    reply: Reply,
}

impl Reader {
    pub fn new(cache_bytes: usize) -> Self {
        Self {
            state: Mutex::new(State {
                supply: Supply {
                    cache: Cache::new(cache_bytes),
                    coming: HashMap::new(),
                    needed: VecDeque::new(),
                    expected: VecDeque::new(),
                },
                streams: Streams::new(LARGEST_WINDOW.min(cache_bytes / 2)),
                waiting: Vec::new(),
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Replies with `length` bytes from `offset` of a node of tree number `number`, now or later.
    /// True if chunks are wanted now.
    pub fn read(&self, number: u32, tree: &Arc<Tree>, node: u32, offset: u64, length: usize, reply: Reply) -> bool {
        let (places, pieces) = tree.contents.pieces(&tree.chunks(node), offset, length);
        if pieces.is_empty() {
            reply(Ok(Vec::new()));
            return false;
        }
        let mut guard = self.lock();
        let State { supply, streams, .. } = &mut *guard;
        let parts: Vec<Option<Shared>> = pieces.iter().map(|piece| supply.find(piece)).collect();
        let missing = parts.iter().filter(|part| part.is_none()).count();
        for (piece, part) in pieces.iter().zip(&parts) {
            if part.is_none() {
                supply.need(piece);
            }
        }
        if let Some(stream) = streams.note(number, tree, node, places.start, places.end - 1) {
            stream.leave_behind().for_each(|id| supply.cache.remove(&id));
            supply.expect_for(stream);
            self.changed.notify_one();
        }
        let is_wanting = supply.is_wanting();
        let waiting = Waiting {
            pieces,
            parts,
            missing,
            reply,
        };
        if missing > 0 && !guard.is_closed {
            guard.waiting.push(waiting);
        } else {
            drop(guard);
            waiting.answer();
        }
        is_wanting
    }

    /// The next chunks to fetch, end to end: first those that somebody waits for. They count as on their way.
    pub fn wanted(&self) -> Vec<Id> {
        self.lock().supply.take_wanted()
    }

    /// Takes chunks that were fetched, and answers those who waited for them.
    pub fn deliver(&self, ids: &[Id], chunks: &[Shared]) {
        let fetched: HashMap<&Id, &Shared> = ids.iter().zip(chunks).collect();
        let mut state = self.lock();
        for (id, chunk) in ids.iter().zip(chunks) {
            state.supply.coming.remove(id);
            state.supply.cache.insert(*id, chunk.clone());
        }
        let waiting = std::mem::take(&mut state.waiting);
        let (complete, waiting): (Vec<Waiting>, Vec<Waiting>) = waiting
            .into_iter()
            .map(|mut waiting| {
                waiting.take(&fetched);
                waiting
            })
            .partition(|waiting| waiting.missing == 0);
        state.waiting = waiting;
        drop(state);
        self.changed.notify_one();
        complete.into_iter().for_each(Waiting::answer);
    }

    /// These chunks cannot be had. Whoever waits for one of them hears so.
    pub fn fail(&self, ids: &[Id], errno: Errno) {
        let mut state = self.lock();
        for id in ids {
            state.supply.coming.remove(id);
        }
        let waiting = std::mem::take(&mut state.waiting);
        let (lost, waiting): (Vec<Waiting>, Vec<Waiting>) = waiting.into_iter().partition(|waiting| waiting.needs(ids));
        state.waiting = waiting;
        drop(state);
        lost.into_iter().for_each(|waiting| (waiting.reply)(Err(errno)));
    }

    // -- handing over -----------------------------------------------------------------------------------------------------

    /// Waits for content to hand over, and says whether chunks are wanted now; None when there will be no more of it.
    pub fn parcels(&self) -> Option<(Parcels, bool)> {
        let mut state = self.lock();
        while !state.is_closed {
            if let Some(parcels) = state.hand_over() {
                return Some((parcels, state.supply.is_wanting()));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// The front took so many of the files, the first ones. It keeps these, so there is no need to keep them here.
    pub fn conclude(&self, parcels: &Parcels, taken: usize) {
        let (taken, refused) = parcels.files.split_at(taken);
        let mut state = self.lock();
        for piece in taken.iter().flat_map(|file| &file.pieces) {
            state.supply.cache.remove(&piece.id);
        }
        let mut streams = state.streams.latest_first();
        if let Some(stream) = streams.find(|stream| stream.id == parcels.reader && !refused.is_empty()) {
            stream.gift.refuse(refused);
        }
    }

    /// The front has heard of files of this tree.
    pub fn resume(&self, number: u32) {
        let mut state = self.lock();
        let mut refused = 0;
        for stream in state.streams.latest_first().filter(|stream| stream.number == number) {
            refused += usize::from(stream.gift.resume());
        }
        if refused > 0 {
            self.changed.notify_one();
        }
    }

    /// Nobody fetches anything any more: there is nothing to hand over, and who waits for content gets an error.
    pub fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        waiting.into_iter().for_each(Waiting::answer);
    }

    #[cfg(test)]
    pub fn parcels_at_hand(&self) -> Option<Parcels> {
        self.lock().hand_over()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// What is at hand for the readers, for the latest first.
    fn hand_over(&mut self) -> Option<Parcels> {
        let supply = &mut self.supply;
        for stream in self.streams.latest_first() {
            let files = stream.hand_over(|piece| supply.find(piece));
            if !files.is_empty() {
                supply.expect_for(stream);
                return Some(Parcels {
                    tree: stream.number,
                    reader: stream.id,
                    files,
                });
            }
        }
        None
    }
}

impl Supply {
    fn find(&mut self, piece: &Piece) -> Option<Shared> {
        Some(self.cache.get(&piece.id)?.slice(piece.range.clone()))
    }

    fn need(&mut self, piece: &Piece) {
        // What is expected only has not been fetched for anybody yet, so it is asked for once more, and sooner.
        if !self.coming.get(&piece.id).is_some_and(|&is_coming| is_coming) {
            self.coming.insert(piece.id, false);
            self.needed.push_back((piece.id, piece.size));
        }
    }

    fn expect_for(&mut self, stream: &mut Stream) {
        for (id, size) in stream.look_ahead() {
            if !self.cache.contains(&id) && !self.coming.contains_key(&id) {
                self.coming.insert(id, false);
                self.expected.push_back((id, size));
            }
        }
    }

    fn is_wanting(&self) -> bool {
        !self.needed.is_empty() || !self.expected.is_empty()
    }

    fn take_wanted(&mut self) -> Vec<Id> {
        let mut ids = Vec::new();
        let mut bytes = 0;
        for queue in [&mut self.needed, &mut self.expected] {
            while bytes < BATCH_BYTES && ids.len() < BATCH_CHUNKS {
                let Some((id, size)) = queue.pop_front() else { break };
                // A chunk may stand in both queues.
                if let Some(is_coming) = self.coming.get_mut(&id)
                    && !*is_coming
                {
                    *is_coming = true;
                    ids.push(id);
                    bytes += size;
                }
            }
        }
        ids
    }
}

impl Waiting {
    fn take(&mut self, fetched: &HashMap<&Id, &Shared>) {
        for (piece, part) in self.pieces.iter().zip(&mut self.parts) {
            if part.is_none()
                && let Some(chunk) = fetched.get(&piece.id)
            {
                *part = Some(chunk.slice(piece.range.clone()));
                self.missing -= 1;
            }
        }
    }

    fn needs(&self, ids: &[Id]) -> bool {
        let mut parts = self.pieces.iter().zip(&self.parts);
        parts.any(|(piece, part)| part.is_none() && ids.contains(&piece.id))
    }

    /// What is missing by now does not come, and a chunk that is shorter than the archive says is no content.
    fn answer(self) {
        let is_whole = self.pieces.iter().zip(&self.parts);
        let is_whole = is_whole
            .into_iter()
            .all(|(piece, part)| part.as_ref().is_some_and(|part| part.len() == piece.range.len()));
        (self.reply)(match is_whole {
            true => Ok(self.parts.into_iter().flatten().collect()),
            false => Err(Errno::IO),
        });
    }
}
