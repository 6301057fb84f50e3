//! A window of files on its way out of an archive: everything that happens per file while restoring happens here.
//!
//! Entries take effect as if one came after the other. Those that do not touch each other are a *run*: its directories are made
//! as it is put together, its files are written by all cores, then come its hard links and what finishes directories, in order.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ftruncate, linkat, mknodat, openat, symlinkat, tell};
use rustix::io::Errno;

use crate::Id;
use crate::crypto::Opener;
use crate::errors;
use crate::items::{Item, OwnerIds, UnknownOwners};
use crate::memory::Shared;
use crate::parallel;

use super::attributes::{Attributes, Wanted};
use super::outcome::Trouble;
use super::target::{MOST_OPEN, Place, Route, Target};
use super::{FORMAT, write_chunks};

/// So many entries without content are as much work as it takes to call other cores.
const LEAST_PARALLEL: usize = 16;

/// Where files go, and how. Thread-safe.
pub struct Restorer {
    target: Target,
    attributes: Attributes,
    sparse: bool,
}

/// What is to be done.
pub enum Action {
    MakeDirectory,
    /// Attributes of a directory, when everything is in it.
    FinishDirectory,
    /// A regular file with the next so many chunks of the window.
    WriteFile(usize),
    /// A hard link to what was restored at this path.
    MakeLink(Vec<u8>),
    /// A symlink, fifo or device.
    MakeSpecial,
}

/// One action on one path.
pub struct Entry {
    pub action: Action,
    pub path: Vec<u8>,
    pub item: Arc<Item>,
}

/// Troubles with the places of their entries in the batch, in order.
pub type Troubles = Vec<(usize, Trouble)>;

impl Restorer {
    pub fn new(root: BorrowedFd<'_>, wanted: Wanted, sparse: bool) -> errors::Result<Self> {
        Ok(Self {
            target: Target::new(root)?,
            attributes: Attributes::new(wanted),
            sparse,
        })
    }

    pub fn change_owners(&self, change: impl FnOnce(&mut OwnerIds)) {
        self.attributes.change_owners(change);
    }

    /// The names of users and of groups in the entries that nobody has looked up yet.
    pub fn unknown_owners(&self, entries: &[Entry]) -> UnknownOwners {
        let mut unknown = UnknownOwners::default();
        let owners = self.attributes.owners();
        for entry in entries {
            owners.note_unknown(&entry.item.owner_texts(), &mut unknown);
        }
        unknown
    }

    /// Does what the entries say; `contents` are the chunks of all files, in order.
    pub fn run(&self, entries: &[Entry], contents: &[Shared]) -> Troubles {
        let mut troubles = Vec::new();
        let mut run = Run::default();
        let mut rest = contents;
        for (number, entry) in entries.iter().enumerate() {
            let count = match entry.action {
                Action::WriteFile(count) => count.min(rest.len()),
                _ => 0,
            };
            let (chunks, behind) = rest.split_at(count);
            rest = behind;
            let added = Touched::of(entry).and_then(|touched| {
                if run.conflicts_with(&touched) {
                    run.finish(self, &mut troubles);
                }
                run.add(self, number, entry, chunks, touched)
            });
            if let Err(trouble) = added {
                troubles.push((number, trouble));
            }
            if run.is_full() {
                run.finish(self, &mut troubles);
            }
        }
        run.finish(self, &mut troubles);
        troubles.sort_by_key(|(number, _)| *number);
        troubles
    }

    /// A new, empty file in place of what is there.
    pub fn open_file(&self, path: &[u8]) -> Result<OwnedFd, Trouble> {
        let route = Route::new(path)?;
        self.open_at(&self.target.find(&route, true)?, &route)
    }

    /// Cuts a file at its position (a hole may end it) and gives it its attributes.
    pub fn finish_file(&self, item: &Item, fd: BorrowedFd<'_>) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        let finish = |troubles: &mut Vec<Trouble>| {
            ftruncate(fd, tell(fd)?)?;
            self.attributes.restore_open(item, fd, troubles)
        };
        let done = finish(&mut troubles);
        troubles.extend(done.err());
        troubles
    }

    fn open_at(&self, place: &Place, route: &Route) -> Result<OwnedFd, Trouble> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |place: &Place| openat(place.dirfd(), &*place.name, flags, Mode::RUSR | Mode::WUSR);
        self.target.replace(place, route, open)
    }

    /// A whole file.
    fn write_file(&self, job: &Job, troubles: &mut Vec<Trouble>) -> Result<(), Trouble> {
        let fd = self.open_at(&job.place, &job.touched.route)?;
        let size = write_chunks(fd.as_fd(), job.chunks, self.sparse).map_err(trouble_of)?;
        if self.sparse {
            ftruncate(&fd, size)?;
        }
        self.attributes.restore_open(job.item, fd.as_fd(), troubles)?;
        check_content(job.item, size, troubles);
        Ok(())
    }

    fn make_special(&self, job: &Job, troubles: &mut Vec<Trouble>) -> Result<(), Trouble> {
        let mode = job.item.mode.unwrap_or_default();
        let kind = FileType::from_raw_mode((mode & FORMAT) as u32);
        let owner_only = Mode::RUSR | Mode::WUSR;
        let create = |place: &Place| match kind {
            FileType::Symlink => symlinkat(job.item.source.as_deref().unwrap_or_default(), place.dirfd(), &*place.name),
            _ => mknodat(
                place.dirfd(),
                &*place.name,
                kind,
                owner_only,
                job.item.rdev.unwrap_or_default(),
            ),
        };
        match kind {
            FileType::Symlink | FileType::Fifo | FileType::CharacterDevice | FileType::BlockDevice => {}
            _ => return Err(Trouble::UnknownKind((mode & FORMAT) as u32)),
        }
        self.target.replace(&job.place, &job.touched.route, create)?;
        self.attributes.restore_special(job.item, &job.place, troubles)
    }

    fn make_link(&self, source: &Route, job: &Job) -> Result<(), Trouble> {
        let from = self.target.find(source, false).map_err(|trouble| match trouble {
            Trouble::SymlinkParent => Trouble::UnsafeLink,
            other => other,
        })?;
        let link = |place: &Place| linkat(from.dirfd(), &*from.name, place.dirfd(), &*place.name, AtFlags::empty());
        self.target.replace(&job.place, &job.touched.route, link)
    }

    fn do_alone(&self, job: &Job) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        let done = match job.work {
            Work::File => self.write_file(job, &mut troubles),
            Work::Special => self.make_special(job, &mut troubles),
            Work::Link => match &job.touched.source {
                Some(source) => self.make_link(source, job),
                None => Ok(()),
            },
            Work::Directory => self.attributes.restore_directory(job.item, &job.place, &mut troubles),
        };
        troubles.extend(done.err());
        troubles
    }
}

/// Says of a file's content what users have to know.
pub fn check_content(item: &Item, size: u64, troubles: &mut Vec<Trouble>) {
    if item.size.is_some_and(|promised| promised != size) {
        troubles.push(Trouble::OtherSize(size));
    }
    if item.chunks_healthy.is_some() {
        troubles.push(Trouble::Damaged);
    }
}

/// Opens the chunks of all files, and does what the entries say; without a restorer the content is only looked at.
pub fn restore(restorer: Option<&Restorer>, entries: &[Entry], stored: &[Shared], opener: &Opener) -> errors::Result<Troubles> {
    let slices: Vec<&[u8]> = stored.iter().map(|object| &**object).collect();
    let contents = opener.open_many(&slices, &content_ids(entries))?;
    Ok(match restorer {
        Some(restorer) => restorer.run(entries, &contents),
        None => check_contents(entries, &contents),
    })
}

fn check_contents(entries: &[Entry], contents: &[Shared]) -> Troubles {
    let mut troubles = Vec::new();
    let mut rest = contents;
    for (number, entry) in entries.iter().enumerate() {
        let Action::WriteFile(count) = entry.action else { continue };
        let (chunks, behind) = rest.split_at(count.min(rest.len()));
        rest = behind;
        let mut found = Vec::new();
        check_content(&entry.item, chunks.iter().map(|chunk| chunk.len() as u64).sum(), &mut found);
        troubles.extend(found.into_iter().map(|trouble| (number, trouble)));
    }
    troubles
}

/// The paths that an entry has to do with.
struct Touched {
    route: Route,
    source: Option<Route>,
    makes_directory: bool,
    finishes_directory: bool,
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
            makes_directory: matches!(entry.action, Action::MakeDirectory),
            finishes_directory: matches!(entry.action, Action::FinishDirectory),
        })
    }
}

enum Work {
    File,
    Special,
    Link,
    Directory,
}

/// An entry whose place has been found.
struct Job<'a> {
    number: usize,
    work: Work,
    item: &'a Item,
    chunks: &'a [Shared],
    place: Place,
    touched: Touched,
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
    fn conflicts_with(&self, touched: &Touched) -> bool {
        let at = touched.route.mark();
        let is_directory = touched.makes_directory || touched.finishes_directory;
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
        if touched.makes_directory {
            restorer.target.make_directory(&touched.route)?;
            self.note(&touched);
            return Ok(());
        }
        let place = restorer.target.find(&touched.route, !touched.finishes_directory)?;
        let is_new_parent = self
            .files
            .last()
            .is_none_or(|last| !Arc::ptr_eq(&last.place.directory, &place.directory));
        self.parents += usize::from(is_new_parent);
        self.bytes += chunks.iter().map(|chunk| chunk.len()).sum::<usize>();
        self.note(&touched);
        let work = match entry.action {
            Action::WriteFile(_) => Work::File,
            Action::MakeSpecial => Work::Special,
            Action::MakeLink(_) => Work::Link,
            Action::FinishDirectory | Action::MakeDirectory => Work::Directory,
        };
        let queue = if matches!(work, Work::File | Work::Special) {
            &mut self.files
        } else {
            &mut self.last
        };
        queue.push(Job {
            number,
            work,
            item: &entry.item,
            chunks,
            place,
            touched,
        });
        Ok(())
    }

    fn note(&mut self, touched: &Touched) {
        for route in [Some(&touched.route), touched.source.as_ref()].into_iter().flatten() {
            self.ways.extend(route.marks_on_the_way());
        }
        let at = touched.route.mark();
        if touched.makes_directory {
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
            let one = restorer.do_alone(job);
            if !one.is_empty() {
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.extend(one.into_iter().map(|trouble| (job.number, trouble)));
            }
        };
        if parallel::is_worthwhile(
            done.files.len(),
            done.bytes.max(done.files.len() / LEAST_PARALLEL * parallel::PARALLEL_BYTES),
        ) {
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

fn trouble_of(error: errors::Error) -> Trouble {
    match error {
        errors::Error::Os { error, .. } => Errno::from_io_error(&error).unwrap_or(Errno::IO).into(),
        other => Trouble::Senseless(other.to_string()),
    }
}

/// The ids of all chunks that the files of a batch have, in order.
pub fn content_ids(entries: &[Entry]) -> Vec<Id> {
    let lists = entries.iter().filter(|entry| matches!(entry.action, Action::WriteFile(_)));
    let lists = lists.filter_map(|entry| entry.item.chunks.as_ref());
    lists.flat_map(|list| list.ids.iter().copied()).collect()
}
