//! Scanning ahead: while a directory is being walked, other threads list the next ones that the walk will enter.
//!
//! Only what the walk has decided on is ever opened. Nothing changes but the time that it takes: who comes for a directory that
//! nobody has begun to list does it himself, and a failure is forgotten, to be met (and reported) again when it matters.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::listing::{Listing, list_directory};
use crate::parallel;

/// How many directories of one parent are listed ahead.
const WINDOW: usize = 4;
/// How many in all: each keeps its directory open until the walk comes for it.
const MOST: usize = 64;

static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Which subdirectories of a listing are still to come, and which are being listed.
#[derive(Default)]
pub struct Ahead(Mutex<Plan>);

#[derive(Default)]
struct Plan {
    rest: VecDeque<usize>,
    begun: HashMap<usize, Arc<Slot>>,
}

/// A directory that is listed ahead.
struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Queued,
    Running,
    /// None if it failed.
    Done(Option<Listing>),
    /// The walk does it itself.
    Taken,
}

impl Slot {
    /// None if enough are waiting already.
    fn new() -> Option<Arc<Self>> {
        let room = |waiting| (waiting < MOST).then_some(waiting + 1);
        WAITING.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).ok()?;
        Some(Arc::new(Self {
            state: Mutex::new(State::Queued),
            changed: Condvar::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, parent: &Listing, index: usize) {
        {
            let mut state = self.lock();
            match *state {
                State::Queued => *state = State::Running,
                _ => return,
            }
        }
        let listed = list_directory(parent, index).ok();
        *self.lock() = State::Done(listed);
        self.changed.notify_all();
    }

    /// What was listed, as soon as that is done; None if nobody has begun, or it failed.
    fn take(&self) -> Option<Listing> {
        let mut state = self.lock();
        while matches!(*state, State::Running) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match std::mem::replace(&mut *state, State::Taken) {
            State::Done(listed) => listed,
            _ => None,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Tells that the walk will enter these entries, in this order.
pub fn scan_ahead(parent: &Arc<Listing>, indices: &[usize]) {
    if parallel::readers().is_some() {
        let mut plan = parent.ahead.lock();
        plan.rest = indices.iter().copied().collect();
        plan.begin(parent);
    }
}

/// What was listed ahead of the directory that is entry `index`, if it was.
pub(super) fn take(parent: &Arc<Listing>, index: usize) -> Option<Listing> {
    let slot = {
        let mut plan = parent.ahead.lock();
        let slot = plan.begun.remove(&index);
        plan.begin(parent);
        slot
    };
    slot?.take()
}

impl Ahead {
    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn begin(&mut self, parent: &Arc<Listing>) {
        let Some(readers) = parallel::readers() else { return };
        while self.begun.len() < WINDOW
            && let Some(&index) = self.rest.front()
            && let Some(slot) = Slot::new()
        {
            self.rest.pop_front();
            self.begun.insert(index, Arc::clone(&slot));
            let parent = Arc::clone(parent);
            readers.spawn(move || slot.run(&parent, index));
        }
    }
}
