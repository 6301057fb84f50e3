//! Which entries may be done at the same time, and doing them.
//!
//! Entries take effect as if one came after the other. Those that do not touch each other are a *run*: its directories are made
//! as it is put together, its files are written by all cores, then come its hard links and what finishes directories, in order.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::locks::lock;
use crate::memory::Shared;
use crate::parallel;

use super::batch::{Action, Entry, Troubles};
use super::outcome::Trouble;
use super::restorer::Restorer;
use super::target::{MOST_OPEN, Place, Route};

/// So many entries without content are as much work as it takes to call other cores.
const LEAST_PARALLEL: usize = 16;

/// Does what the entries say; `contents` are the chunks of all files, in order.
pub fn restore_all(restorer: &Restorer, entries: &[Entry], contents: &[Shared]) -> Troubles {
    let mut troubles = Vec::new();
    let mut run = Run::default();
    let mut rest = contents;
    for (number, entry) in entries.iter().enumerate() {
        let (chunks, behind) = rest.split_at(entry.chunk_count().min(rest.len()));
        rest = behind;
        let added = Touched::of(entry).and_then(|touched| {
            if run.conflicts_with(entry, &touched) {
                run.finish(restorer, &mut troubles);
            }
            run.add(restorer, number, entry, chunks, touched)
        });
        if let Err(trouble) = added
            && entry.give_up()
        {
            troubles.push((number, trouble));
        }
        if run.is_full() {
            run.finish(restorer, &mut troubles);
        }
    }
    run.finish(restorer, &mut troubles);
    troubles.sort_by_key(|(number, _)| *number);
    troubles
}

/// An entry whose place has been found.
pub(super) struct Job<'a> {
    number: usize,
    pub entry: &'a Entry,
    pub chunks: &'a [Shared],
    pub place: Place,
    pub touched: Touched,
}

/// The paths that an entry has to do with.
pub(super) struct Touched {
    pub route: Route,
    pub source: Option<Route>,
}

impl Touched {
    fn of(entry: &Entry) -> Result<Self, Trouble> {
        let source = match &entry.action {
            Action::MakeLink(source) => Some(Route::new(source).map_err(|_| Trouble::UnsafeLink)?),
            _ => None,
        };
        Ok(Self {
            route: Route::new(&entry.path)?,
            source,
        })
    }
}

/// Entries that do not touch each other. Paths are remembered by their marks: where two have the same, a run only ends early.
#[derive(Default)]
struct Run<'a> {
    /// In any order.
    files: Vec<Job<'a>>,
    /// After the files, in order.
    last: Vec<Job<'a>>,
    /// Paths of what is no directory, of what links refer to, and of directories that will be finished: at or below these
    /// nothing more is done, not even a directory made, before the run is over.
    settled_at: HashSet<u64>,
    /// Paths of directories that were made.
    directories_at: HashSet<u64>,
    /// Directories that lead to any of these.
    ways: HashSet<u64>,
    bytes: usize,
    parents: usize,
}

impl<'a> Run<'a> {
    fn conflicts_with(&self, entry: &Entry, touched: &Touched) -> bool {
        let at = touched.route.mark();
        let is_directory = matches!(entry.action, Action::MakeDirectory | Action::FinishDirectory);
        self.settled_at.contains(&at)
            || touched.route.marks_on_the_way().any(|way| self.settled_at.contains(&way))
            || (!is_directory && (self.ways.contains(&at) || self.directories_at.contains(&at)))
    }

    fn add(
        &mut self,
        restorer: &Restorer,
        number: usize,
        entry: &'a Entry,
        chunks: &'a [Shared],
        touched: Touched,
    ) -> Result<(), Trouble> {
        if matches!(entry.action, Action::MakeDirectory) {
            restorer.make_directory(&touched.route)?;
            self.note(entry, &touched);
            return Ok(());
        }
        let creates = !matches!(entry.action, Action::FinishDirectory);
        let place = restorer.find(&touched.route, creates)?;
        let is_new_parent = self
            .files
            .last()
            .is_none_or(|last| !Arc::ptr_eq(&last.place.directory, &place.directory));
        self.parents += usize::from(is_new_parent);
        self.bytes += chunks.iter().map(|chunk| chunk.len()).sum::<usize>();
        self.note(entry, &touched);
        let queue = match entry.action {
            Action::WriteFile(_) | Action::WritePart(_) | Action::MakeSpecial => &mut self.files,
            Action::MakeLink(_) | Action::FinishDirectory | Action::MakeDirectory => &mut self.last,
        };
        queue.push(Job {
            number,
            entry,
            chunks,
            place,
            touched,
        });
        Ok(())
    }

    fn note(&mut self, entry: &Entry, touched: &Touched) {
        for route in [Some(&touched.route), touched.source.as_ref()].into_iter().flatten() {
            self.ways.extend(route.marks_on_the_way());
        }
        let at = touched.route.mark();
        if matches!(entry.action, Action::MakeDirectory) {
            self.directories_at.insert(at);
        } else {
            self.settled_at.insert(at);
            self.settled_at.extend(touched.source.as_ref().map(Route::mark));
        }
    }

    /// Each directory that a run needs is kept open for it.
    fn is_full(&self) -> bool {
        self.parents + self.last.len() >= MOST_OPEN
    }

    fn finish(&mut self, restorer: &Restorer, troubles: &mut Troubles) {
        let done = std::mem::take(self);
        let found = Mutex::new(Vec::new());
        let work = |job: &Job| {
            let one = restorer.restore(job);
            if !one.is_empty() {
                let mut found = lock(&found);
                found.extend(one.into_iter().map(|trouble| (job.number, trouble)));
            }
        };
        let least_bytes = done.files.len() / LEAST_PARALLEL * parallel::PARALLEL_BYTES;
        if parallel::is_worthwhile(done.files.len(), done.bytes.max(least_bytes)) {
            done.files.par_iter().for_each(work);
        } else {
            done.files.iter().for_each(work);
        }
        done.last.iter().for_each(work);
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(number, _)| *number);
        troubles.extend(found);
    }
}
