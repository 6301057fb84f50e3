//! `Listing`: the entries of one directory, and the two ways to make one.

use std::ffi::{CString, OsStr};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, RawDir, flistxattr};
use rustix::io::Errno;

use super::ahead::{self, Ahead};
use super::open::{flags_of_open, open_directory, open_file};
use super::stat::Stat;
use crate::errors::{Error, Result};
use crate::parallel::Turn;
use crate::sys;

/// BSD's nodump flag.
const NODUMP: u32 = 1;

pub struct Entry {
    /// Relative to the listing's directory; of a root it is the whole path.
    pub name: CString,
    pub stat: Stat,
    entered: AtomicBool,
    /// Of a directory that was entered, if the walk asks for them.
    attribute_names: OnceLock<rustix::io::Result<Vec<u8>>>,
}

impl Entry {
    fn new(name: CString, stat: Stat) -> Self {
        Self {
            name,
            stat,
            entered: AtomicBool::new(false),
            attribute_names: OnceLock::new(),
        }
    }

    /// Whether it is a directory that `scan_directory` could open, and found to be the one that was listed.
    pub fn was_entered(&self) -> bool {
        self.entered.load(Ordering::Acquire)
    }

    /// The names of its extended attributes, each ended by a zero byte, as found when it was entered.
    pub fn attribute_names(&self) -> Option<&rustix::io::Result<Vec<u8>>> {
        self.attribute_names.get()
    }
}

/// The entries of a directory in inode order. Keeps the directory open, so that they can be opened whatever happens to the path.
pub struct Listing {
    /// None for the listing of a root, whose one name is relative to the working directory.
    directory: Option<OwnedFd>,
    path: Vec<u8>,
    archived: Vec<u8>,
    /// Whether directories are asked for the names of their attributes as they are entered: if that fails, so does the directory,
    /// with all that is in it.
    asks_attributes: bool,
    pub entries: Vec<Entry>,
    pub failures: Vec<(Vec<u8>, Errno)>,
    pub(super) ahead: Ahead,
}

impl Listing {
    /// The directory as it was walked to; empty for the listing of a root.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// What names are relative to.
    pub fn dirfd(&self) -> BorrowedFd<'_> {
        self.directory.as_ref().map_or(CWD, |directory| directory.as_fd())
    }

    pub fn is_root(&self) -> bool {
        self.directory.is_none()
    }

    pub fn entry(&self, index: usize) -> Result<&Entry> {
        self.entries
            .get(index)
            .ok_or_else(|| Error::value(format!("the listing has no entry {index}")))
    }

    /// An entry as walked to.
    pub fn walked(&self, entry: &Entry) -> Vec<u8> {
        if self.is_root() {
            return entry.name.as_bytes().to_vec();
        }
        join_walked(&self.path, entry.name.as_bytes())
    }

    /// An entry as archives store it.
    pub fn archived(&self, entry: &Entry) -> Vec<u8> {
        if self.is_root() {
            return self.archived.clone();
        }
        match &*self.archived {
            // The content of these loses the prefix; `..` must not occur in a stored path.
            b"" | b"." | b".." => entry.name.as_bytes().to_vec(),
            directory => [directory, b"/", entry.name.as_bytes()].concat(),
        }
    }

    /// Indices of the entries with the nodump flag. Only regular files and directories have flags that Borg sees.
    pub fn nodump(&self) -> Vec<usize> {
        let marked = |entry: &Entry| {
            let flags = match (entry.stat.kind(), entry.stat.flags) {
                (b'f' | b'd', Some(flags)) => flags,
                (b'f' | b'd', None) => {
                    let opened = open_file(self.dirfd(), entry.name.as_c_str());
                    opened.map_or(0, |fd| flags_of_open(fd, &entry.stat))
                }
                _ => 0,
            };
            flags & NODUMP != 0
        };
        (0..self.entries.len())
            .filter(|&index| marked(&self.entries[index]))
            .collect()
    }
}

/// The listing of one entry, `path` itself, which is stored as `archived`.
pub fn scan_root(path: &[u8], archived: &[u8], asks_attributes: bool) -> Result<Listing> {
    let name = CString::new(path).map_err(|_| Error::value("a path cannot contain a zero byte"))?;
    let stat = Stat::of_name(CWD, &name).map_err(|error| failed(error, path))?;
    Ok(Listing {
        directory: None,
        path: Vec::new(),
        archived: archived.to_vec(),
        asks_attributes,
        entries: vec![Entry::new(name, stat)],
        failures: Vec::new(),
        ahead: Ahead::default(),
    })
}

/// The content of the directory that is an entry of `parent`.
pub fn scan_directory(parent: &Arc<Listing>, index: usize) -> Result<Listing> {
    match ahead::take(parent, index) {
        Some(listing) => Ok(listing),
        None => list_directory(parent, index),
    }
}

/// The same, here and now.
pub(super) fn list_directory(parent: &Listing, index: usize) -> Result<Listing> {
    let entry = parent.entry(index)?;
    let path = parent.walked(entry);
    let _turn = Turn::wait();
    let directory = open_directory(parent.dirfd(), entry.name.as_c_str()).map_err(|error| failed(error, &path))?;
    let stat = Stat::of_open(&directory).map_err(|error| failed(error, &path))?;
    if !stat.is_same_file(&entry.stat) {
        return Err(failed(Errno::STALE, &path));
    }
    entry.entered.store(true, Ordering::Release);
    if parent.asks_attributes {
        entry
            .attribute_names
            .get_or_init(|| sys::attribute_names(|buffer| flistxattr(&directory, buffer)));
    }
    let names = read_names(&directory).map_err(|error| failed(error, &path))?;
    let mut entries = Vec::with_capacity(names.len());
    let mut failures = Vec::new();
    for (_, name) in names {
        match Stat::of_name(&directory, &name) {
            Ok(stat) => entries.push(Entry::new(name, stat)),
            Err(error) => failures.push((join_walked(&path, name.as_bytes()), error)),
        }
    }
    let archived = parent.archived(entry);
    Ok(Listing {
        directory: Some(directory),
        path,
        archived,
        asks_attributes: parent.asks_attributes,
        entries,
        failures,
        ahead: Ahead::default(),
    })
}

/// Inode number and name of everything in a directory, sorted by the number as the directory gives it: that of a mount point is
/// the covered directory's. Reading in this order is what spinning disks like, and what Borg does.
fn read_names(directory: &OwnedFd) -> rustix::io::Result<Vec<(u64, CString)>> {
    let mut buffer = vec![MaybeUninit::uninit(); 64 << 10];
    let mut entries = RawDir::new(directory, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push((entry.ino(), entry.file_name().to_owned()));
        }
    }
    names.sort_by_key(|(inode, _)| *inode);
    Ok(names)
}

/// Content of `.` is walked by bare names, as Borg shows it.
fn join_walked(directory: &[u8], name: &[u8]) -> Vec<u8> {
    match directory {
        b"." => name.to_vec(),
        _ if directory.ends_with(b"/") => [directory, name].concat(),
        _ => [directory, b"/", name].concat(),
    }
}

fn failed(error: Errno, path: &[u8]) -> Error {
    Error::os(error, Some(PathBuf::from(OsStr::from_bytes(path))))
}
