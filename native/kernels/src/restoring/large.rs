//! Files with more content than is at hand at a time: they come in parts, from the first to the last.

use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fd::OwnedFd;

use crate::chunking::ChunkList;
use crate::items::Item;
use crate::locks::lock;
use crate::memory::Shared;

/// One of them, while it is written. Thread-safe.
pub struct LargeFile {
    pub item: Arc<Item>,
    pub path: Vec<u8>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// Open from the first part on; never where nothing is written.
    pub fd: Option<OwnedFd>,
    /// How much content there was.
    pub size: u64,
    /// With the last part, or because something went wrong: what else comes of it is passed over.
    pub is_over: bool,
}

/// Some of its content.
pub struct Part {
    pub file: Arc<LargeFile>,
    pub chunks: ChunkList,
    /// Chunks that need not come from the repository, with their places in the list, in order.
    pub known: Vec<(usize, Shared)>,
    pub is_last: bool,
}

impl LargeFile {
    pub fn new(item: Arc<Item>, path: Vec<u8>) -> Self {
        Self {
            item,
            path,
            state: Mutex::default(),
        }
    }

    /// True when nothing more will be done with it.
    pub fn is_over(&self) -> bool {
        self.lock().is_over
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
