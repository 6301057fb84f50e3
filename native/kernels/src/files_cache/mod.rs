//! The files cache: what is known of each file's content by its path, so that unchanged files need not be read.
//!
//! Knows records and the rules of the modes; nothing of directories, chunk indexes or where the file lies. The invariant: a
//! file counts as unchanged only if everything that its mode compares is equal, and the file changed last in a run is never
//! kept, since it may change again within the same clock tick.

mod format;
mod records;

#[cfg(test)]
use records::Record;

use std::sync::{Mutex, MutexGuard};

use crate::Id;
use crate::errors::{Error, Result};
use crate::locks::lock;
use crate::memory::Shared;
use crate::times::recorded;
use records::Records;

/// Which time of a file is compared and recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    Ctime,
    Mtime,
}

/// What makes a file unchanged.
#[derive(Clone, Copy, Debug)]
struct Mode {
    clock: Option<Clock>,
    inode: bool,
    size: bool,
    rechunk: bool,
    disabled: bool,
}

/// path hash -> age, inode, size, cmtime and chunk ids; threads may share it.
pub struct FilesCache {
    mode: Mode,
    ttl: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: Records,
    /// The greatest cmtime of the files read in this run.
    newest: Option<i64>,
}

impl FilesCache {
    /// `mode` is a set of letters: c or m (ctime, mtime), i inode, s size, r rechunk, d disabled.
    pub fn new(mode: &str, ttl: i64) -> Result<Self> {
        Ok(Self {
            mode: Mode::parse(mode)?,
            ttl,
            state: Mutex::default(),
        })
    }

    /// The time to compare and record; ctime where the mode compares none.
    pub fn clock(&self) -> Clock {
        self.mode.clock.unwrap_or(Clock::Ctime)
    }

    /// Takes the records of a files cache in place of its own, every age raised by one. Nothing changes if they are malformed.
    pub fn load(&self, data: &[u8]) -> Result<()> {
        if !self.mode.disabled {
            let records = format::parse(data)?;
            self.lock().records = records;
        }
        Ok(())
    }

    /// The records worth keeping: seen in this run and older than the newest file read, or not seen for less than `ttl` runs.
    pub fn save(&self) -> Shared {
        let state = self.lock();
        let newest = i128::from(state.newest.unwrap_or(i64::MAX));
        format::pack(&state.records, |age, cmtime| match age {
            0 => cmtime < newest,
            age => i64::from(age) < self.ttl,
        })
    }

    pub fn len(&self) -> usize {
        self.lock().records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The records, for as long as one batch needs them.
    pub fn known(&self) -> Known<'_> {
        Known {
            mode: self.mode,
            state: self.lock(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// The records in the hands of one thread.
pub struct Known<'a> {
    mode: Mode,
    state: MutexGuard<'a, State>,
}

/// What the records say of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared<'a> {
    /// Nothing: the mode does not consult them.
    Unasked,
    Unknown,
    Changed(Difference),
    /// It has these chunks.
    Unchanged(&'a [Id]),
}

/// What is first found to differ from the record of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    Size,
    Inode,
    Ctime,
    Mtime,
}

impl Known<'_> {
    /// Begins to look up some paths, so that the processor waits for their memory once and not for each.
    pub fn touch(&self, path_hashes: &[Id]) {
        if self.mode.consults() {
            self.state.records.touch(path_hashes);
        }
    }

    /// What is recorded of a path.
    #[cfg(test)]
    fn lookup(&self, path_hash: &Id) -> Option<Record> {
        self.find(path_hash).map(|index| self.state.records.record(index))
    }

    /// Whether a file is as it was, whose record thereby gets age 0 and the current inode.
    pub fn compare(&mut self, path_hash: &Id, inode: u64, size: u64, cmtime: i64) -> Compared<'_> {
        if !self.mode.consults() {
            return Compared::Unasked;
        }
        let Some(index) = self.find(path_hash) else {
            return Compared::Unknown;
        };
        let known = self.state.records.entry_mut(index);
        if self.mode.size && known.size != size {
            return Compared::Changed(Difference::Size);
        }
        if self.mode.inode && known.inode != inode {
            return Compared::Changed(Difference::Inode);
        }
        if let Some(clock) = self.mode.clock
            && known.cmtime != recorded(cmtime)
        {
            return Compared::Changed(match clock {
                Clock::Ctime => Difference::Ctime,
                Clock::Mtime => Difference::Mtime,
            });
        }
        known.age = 0;
        known.inode = inode;
        Compared::Unchanged(self.state.records.ids(index))
    }

    /// Records the content of a file that was read.
    pub fn memorize(&mut self, path_hash: &Id, inode: u64, size: u64, cmtime: i64, ids: &[Id]) {
        if self.mode.disabled {
            return;
        }
        let cmtime = recorded(cmtime);
        let State { records, newest } = &mut *self.state;
        *newest = (*newest).max(Some(cmtime));
        records.set(path_hash, 0, inode, size, cmtime.into(), ids.iter().copied());
    }

    fn find(&self, path_hash: &Id) -> Option<usize> {
        if self.mode.consults() {
            self.state.records.find(path_hash)
        } else {
            None
        }
    }
}

impl Mode {
    fn parse(letters: &str) -> Result<Self> {
        let has = |letter| letters.contains(letter);
        let clock = match (has('c'), has('m')) {
            (true, true) => return Err(Error::value(format!("files cache mode {letters:?} has both ctime and mtime"))),
            (true, false) => Some(Clock::Ctime),
            (false, true) => Some(Clock::Mtime),
            (false, false) => None,
        };
        if letters.is_empty() || letters.contains(|letter| !"cmisrd".contains(letter)) {
            return Err(Error::value(format!(
                "files cache mode {letters:?} is not made of the letters c m i s r d"
            )));
        }
        let mode = Self {
            clock,
            inode: has('i'),
            size: has('s'),
            rechunk: has('r'),
            disabled: has('d'),
        };
        if mode.consults() && !mode.size {
            return Err(Error::value(format!("files cache mode {letters:?} does not compare sizes")));
        }
        Ok(mode)
    }

    /// Whether known records spare reading files.
    fn consults(self) -> bool {
        !self.rechunk && !self.disabled
    }
}

#[cfg(test)]
mod tests;
