//! `Restorer`: puts single files back, each as its archive says.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ftruncate, linkat, mknodat, openat, symlinkat};

use crate::errors;
use crate::items::{Item, OwnerIds, UnknownOwners};
use crate::modes;

use super::attributes::{Attributes, Wanted};
use super::batch::{Action, Entry};
use super::content::write_chunks;
use super::large::Part;
use super::outcome::Trouble;
use super::run::Job;
use super::target::{Place, Route, Target};

/// Where files go, and how. Thread-safe.
pub struct Restorer {
    target: Target,
    attributes: Attributes,
    sparse: bool,
}

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

    /// The place that a route leads to. With `create` missing directories on the way are made.
    pub(super) fn find(&self, route: &Route, create: bool) -> Result<Place, Trouble> {
        self.target.find(route, create)
    }

    pub(super) fn make_directory(&self, route: &Route) -> Result<(), Trouble> {
        self.target.make_directory(route)
    }

    /// Does what one entry says; directories are there already. Returns what went wrong.
    pub(super) fn restore(&self, job: &Job) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        let item = &job.entry.item;
        let done = match &job.entry.action {
            Action::WriteFile(_) => self.write_file(job, &mut troubles),
            Action::WritePart(part) => self.write_part(part, job, &mut troubles),
            Action::MakeSpecial => self.make_special(job, &mut troubles),
            Action::MakeLink(_) => self.make_link(job),
            Action::FinishDirectory => self.attributes.restore_directory(item, &job.place, &mut troubles),
            Action::MakeDirectory => Ok(()),
        };
        troubles.extend(done.err());
        troubles
    }

    /// A whole file.
    fn write_file(&self, job: &Job, troubles: &mut Vec<Trouble>) -> Result<(), Trouble> {
        let fd = self.open_new(job)?;
        let size = write_chunks(fd.as_fd(), job.chunks, self.sparse)?;
        self.finish_file(&job.entry.item, fd.as_fd(), size, troubles)
    }

    fn write_part(&self, part: &Part, job: &Job, troubles: &mut Vec<Trouble>) -> Result<(), Trouble> {
        let mut state = part.file.lock();
        if state.is_over {
            return Ok(());
        }
        let mut write = || {
            let fd = match state.fd.take() {
                Some(fd) => fd,
                None => self.open_new(job)?,
            };
            state.size += write_chunks(fd.as_fd(), job.chunks, self.sparse)?;
            if part.is_last {
                return self.finish_file(&job.entry.item, fd.as_fd(), state.size, troubles);
            }
            state.fd = Some(fd);
            Ok(())
        };
        let done = write();
        state.is_over = part.is_last || done.is_err();
        done
    }

    /// A new, empty file in place of what is there.
    fn open_new(&self, job: &Job) -> Result<OwnedFd, Trouble> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |place: &Place| openat(place.dirfd(), &*place.name, flags, Mode::RUSR | Mode::WUSR);
        self.target.replace(&job.place, &job.touched.route, open)
    }

    /// What is left to do with a file when all of its content is there.
    fn finish_file(&self, item: &Item, fd: BorrowedFd<'_>, size: u64, troubles: &mut Vec<Trouble>) -> Result<(), Trouble> {
        if self.sparse {
            ftruncate(fd, size)?; // a hole may end it
        }
        self.attributes.restore_open(item, fd, troubles)?;
        check_content(item, size, troubles);
        Ok(())
    }

    fn make_special(&self, job: &Job, troubles: &mut Vec<Trouble>) -> Result<(), Trouble> {
        let item = &job.entry.item;
        let bits = modes::kind(item.mode.unwrap_or_default());
        let kind = FileType::from_raw_mode(bits);
        let owner_only = Mode::RUSR | Mode::WUSR;
        let create = |place: &Place| match kind {
            FileType::Symlink => symlinkat(item.source.as_deref().unwrap_or_default(), place.dirfd(), &*place.name),
            _ => mknodat(place.dirfd(), &*place.name, kind, owner_only, item.rdev.unwrap_or_default()),
        };
        match kind {
            FileType::Symlink | FileType::Fifo | FileType::CharacterDevice | FileType::BlockDevice => {}
            _ => return Err(Trouble::UnknownKind(bits)),
        }
        self.target.replace(&job.place, &job.touched.route, create)?;
        self.attributes.restore_special(item, &job.place, troubles)
    }

    fn make_link(&self, job: &Job) -> Result<(), Trouble> {
        let Some(source) = &job.touched.source else { return Ok(()) };
        let from = self.target.find(source, false).map_err(|trouble| match trouble {
            Trouble::SymlinkParent => Trouble::UnsafeLink,
            other => other,
        })?;
        let link = |place: &Place| linkat(from.dirfd(), &*from.name, place.dirfd(), &*place.name, AtFlags::empty());
        self.target.replace(&job.place, &job.touched.route, link)
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
