//! Scanning ahead: while a directory is being walked, other threads list the next ones that the walk will enter.
//!
//! Only what the walk has decided on is ever opened: what it announces directory by directory, or, where it has said that it
//! goes through everything, whatever is found. Nothing changes but the time that it takes: who comes for a directory that
//! nobody has begun to list does it himself, and a failure (a panic, too) is forgotten,
//! to be met and reported again when it matters.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::listing::{Entry, Listing, list_directory};
use crate::errors::Result;
use crate::locks::lock;
use crate::parallel;

/// How many directories of one parent are listed ahead.
const WINDOW: usize = 4;
/// How many in all: each keeps its directory open until the walk comes for it. The last third is for what the walk itself
/// announces, which it needs first.
const MOST: usize = 96;
const MOST_FOUND: usize = 64;

static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Which subdirectories of a listing are still to come, and which are being listed.
#[derive(Default)]
pub struct Ahead(Mutex<Plan>);

#[derive(Default)]
struct Plan {
    rest: VecDeque<usize>,
    begun: HashMap<usize, Arc<Slot>>,
}

/// Which directories are entered by a walk that chooses by nothing else: all on this device, if it keeps to one,
/// but those in `skip`.
#[derive(Debug, Default)]
pub struct Everything {
    pub device: Option<u64>,
    /// (inode, device)
    pub skip: HashSet<(u64, u64)>,
}

impl Everything {
    fn includes(&self, entry: &Entry) -> bool {
        entry.stat.kind() == b'd' && self.is_on_device(entry) && !self.is_skipped(entry)
    }

    pub fn is_on_device(&self, entry: &Entry) -> bool {
        self.device.is_none_or(|device| entry.stat.dev == device)
    }

    pub fn is_skipped(&self, entry: &Entry) -> bool {
        self.skip.contains(&(entry.stat.ino, entry.stat.dev))
    }
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
    Done(Option<Arc<Listing>>),
    /// The walk does it itself.
    Taken,
}

impl Slot {
    /// None if so many are waiting already.
    fn new(most: usize) -> Option<Arc<Self>> {
        let room = |waiting| (waiting < most).then_some(waiting + 1);
        WAITING.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).ok()?;
        Some(Arc::new(Self {
            state: Mutex::new(State::Queued),
            changed: Condvar::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Calls `list`, unless the walk was faster. Nobody waits for ever: a panic would end the program, not this thread.
    fn run(&self, list: impl FnOnce() -> Option<Arc<Listing>>) {
        {
            let mut state = self.lock();
            match *state {
                State::Queued => *state = State::Running,
                _ => return,
            }
        }
        let listed = catch_unwind(AssertUnwindSafe(list)).unwrap_or_default();
        *self.lock() = State::Done(listed);
        self.changed.notify_all();
    }

    /// What was listed, as soon as that is done; None if nobody has begun, or it failed.
    fn take(&self) -> Option<Arc<Listing>> {
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
    if parallel::idle_readers().is_some() {
        let mut plan = parent.ahead.lock();
        plan.rest = indices
            .iter()
            .copied()
            .filter(|index| !plan.begun.contains_key(index))
            .collect();
        plan.begin(parent, MOST);
    }
}

/// What was listed ahead of the directory that is entry `index`, if it was.
fn take(parent: &Arc<Listing>, index: usize) -> Option<Arc<Listing>> {
    let slot = {
        let mut plan = parent.ahead.lock();
        let slot = plan.begun.remove(&index);
        plan.begin(parent, MOST);
        slot
    };
    slot?.take()
}

/// Lists a directory, and has what is in it listed if the walk goes through everything.
fn list(parent: &Listing, index: usize) -> Result<Arc<Listing>> {
    let listing = Arc::new(list_directory(parent, index)?);
    plan_everything(&listing);
    listing.ahead.lock().begin(&listing, MOST_FOUND);
    Ok(listing)
}

fn plan_everything(listing: &Listing) {
    if let Some(everything) = &listing.everything {
        let numbered = listing.entries.iter().enumerate();
        let entered = numbered.filter(|(_, entry)| everything.includes(entry));
        listing.ahead.lock().rest = entered.map(|(index, _)| index).collect();
    }
}

/// The content of the directory that is entry `index`, which the walk has come for.
pub fn scan_directory(parent: &Arc<Listing>, index: usize) -> Result<Arc<Listing>> {
    let listing = match take(parent, index) {
        Some(listing) => listing,
        None => {
            let listing = Arc::new(list_directory(parent, index)?);
            plan_everything(&listing);
            listing
        }
    };
    let mut plan = listing.ahead.lock();
    // The walk comes for the first one at once.
    if plan.rest.len() > 1 {
        plan.begin(&listing, MOST);
    }
    drop(plan);
    Ok(listing)
}

impl Ahead {
    fn lock(&self) -> MutexGuard<'_, Plan> {
        lock(&self.0)
    }
}

impl Plan {
    fn begin(&mut self, parent: &Arc<Listing>, most: usize) {
        let Some(readers) = parallel::idle_readers() else { return };
        while self.begun.len() < WINDOW
            && let Some(&index) = self.rest.front()
            && let Some(slot) = Slot::new(most)
        {
            self.rest.pop_front();
            self.begun.insert(index, Arc::clone(&slot));
            let parent = Arc::clone(parent);
            readers.spawn_fifo(move || slot.run(|| list(&parent, index).ok()));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_what_panicked() {
        let slot = Slot::new(usize::MAX).unwrap();
        slot.run(|| panic!("as a test"));
        assert!(slot.take().is_none());
    }

    #[test]
    fn what_was_taken_is_not_begun_any_more() {
        let slot = Slot::new(usize::MAX).unwrap();
        assert!(slot.take().is_none());
        slot.run(|| panic!("nobody calls this"));
    }
}
