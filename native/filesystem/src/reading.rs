//! Content of files: what is cached answers at once, the rest is noted as wanted and answers when it has been delivered.
//!
//! `wanted` and `deliver` are the two ends of what fetches chunks, in batches and in its own thread. Those who wait for a chunk keep
//! what they have of the others, so nobody depends on how much is cached.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use vinculum_kernels::Id;
use vinculum_kernels::memory::Shared;

use crate::Errno;
use crate::ahead::Streams;
use crate::cache::Cache;
use crate::contents::Piece;
use crate::tree::Tree;

/// Called once, with the parts of what was asked for in order.
pub type Reply = Box<dyn FnOnce(Result<Vec<Shared>, Errno>) + Send>;

/// Reading ahead never takes more than this, nor more than half of the cache.
const LARGEST_WINDOW: usize = 16 * 1024 * 1024;
/// How much is fetched in one go, if more is wanted: as much as keeps all cores busy and yet nobody waiting for long.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
const BATCH_CHUNKS: usize = 512;

pub struct Reader(Mutex<State>);

struct State {
    cache: Cache,
    streams: Streams,
    /// Chunks that were asked for and did not come yet; true if they are on their way.
    coming: HashMap<Id, bool>,
    /// What somebody waits for.
    needed: VecDeque<(Id, usize)>,
    /// What somebody is expected to ask for.
    expected: VecDeque<(Id, usize)>,
    waiting: Vec<Waiting>,
}

struct Waiting {
    pieces: Vec<Piece>,
    parts: Vec<Option<Shared>>,
    missing: usize,
    reply: Reply,
}

impl Reader {
    pub fn new(cache_bytes: usize) -> Self {
        Self(Mutex::new(State {
            cache: Cache::new(cache_bytes),
            streams: Streams::new(LARGEST_WINDOW.min(cache_bytes / 2)),
            coming: HashMap::new(),
            needed: VecDeque::new(),
            expected: VecDeque::new(),
            waiting: Vec::new(),
        }))
    }

    /// Replies with `length` bytes from `offset` of a node of tree number `number`, now or later. True if chunks are wanted now.
    pub fn read(&self, number: u32, tree: &Tree, node: u32, offset: u64, length: usize, reply: Reply) -> bool {
        let (first, pieces) = tree.contents.pieces(&tree.chunks(node), offset, length);
        if pieces.is_empty() {
            reply(Ok(Vec::new()));
            return false;
        }
        let mut guard = self.lock();
        let state = &mut *guard;
        let parts: Vec<Option<Shared>> = pieces
            .iter()
            .map(|piece| Some(state.cache.get(&piece.id)?.slice(piece.range.clone())))
            .collect();
        let missing = parts.iter().filter(|part| part.is_none()).count();
        for (piece, part) in pieces.iter().zip(&parts) {
            if part.is_none() {
                state.need(piece);
            }
        }
        state.look_ahead(number, tree, first, pieces.len());
        let is_wanting = !state.needed.is_empty() || !state.expected.is_empty();
        let waiting = Waiting {
            pieces,
            parts,
            missing,
            reply,
        };
        if missing > 0 {
            state.waiting.push(waiting);
        } else {
            drop(guard);
            waiting.answer();
        }
        is_wanting
    }

    /// The next chunks to fetch, end to end: first those that somebody waits for. They count as on their way.
    pub fn wanted(&self) -> Vec<Id> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let mut ids = Vec::new();
        let mut bytes = 0;
        for queue in [&mut state.needed, &mut state.expected] {
            while bytes < BATCH_BYTES && ids.len() < BATCH_CHUNKS {
                let Some((id, size)) = queue.pop_front() else { break };
                // A chunk may stand in both queues.
                if let Some(is_coming) = state.coming.get_mut(&id)
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

    /// Takes chunks that were fetched, and answers those who waited for them.
    pub fn deliver(&self, ids: &[Id], chunks: &[Shared]) {
        let fetched: HashMap<&Id, &Shared> = ids.iter().zip(chunks).collect();
        let mut state = self.lock();
        for (id, chunk) in ids.iter().zip(chunks) {
            state.coming.remove(id);
            state.cache.insert(*id, chunk.clone());
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
        complete.into_iter().for_each(Waiting::answer);
    }

    /// These chunks cannot be had. Whoever waits for one of them hears so.
    pub fn fail(&self, ids: &[Id], errno: Errno) {
        let mut state = self.lock();
        for id in ids {
            state.coming.remove(id);
        }
        let waiting = std::mem::take(&mut state.waiting);
        let (lost, waiting): (Vec<Waiting>, Vec<Waiting>) = waiting.into_iter().partition(|waiting| waiting.needs(ids));
        state.waiting = waiting;
        drop(state);
        lost.into_iter().for_each(|waiting| (waiting.reply)(Err(errno)));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn need(&mut self, piece: &Piece) {
        // What is expected only has not been fetched for anybody yet, so it is asked for once more, and sooner.
        if !self.coming.get(&piece.id).is_some_and(|&is_coming| is_coming) {
            self.coming.insert(piece.id, false);
            self.needed.push_back((piece.id, piece.size));
        }
    }

    fn look_ahead(&mut self, number: u32, tree: &Tree, first: u32, count: usize) {
        let last = first + count as u32 - 1;
        let Some(advance) = self.streams.note(number, first, last) else {
            return;
        };
        // Rather many at once than one at a time.
        let mut distance = tree.contents.distance(last, advance.from);
        if distance > advance.window / 2 {
            return;
        }
        for (id, size) in tree.contents.from(advance.from) {
            if distance >= advance.window {
                break;
            }
            distance += size;
            *advance.ahead += 1;
            if !self.cache.contains(&id) && !self.coming.contains_key(&id) {
                self.coming.insert(id, false);
                self.expected.push_back((id, size));
            }
        }
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

    /// A chunk that is shorter than the archive says is no content.
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
