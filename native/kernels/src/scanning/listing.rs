//! `Listing`: the entries of one directory, and the two ways to make one.

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, RawDir, flistxattr};
use rustix::io::Errno;

use super::ahead::{Ahead, Everything};
use super::open::{flags_of_open, open_directory, open_file};
use super::stat::{NODUMP, Stat};
use crate::errors::{Error, Result};
use crate::memory;
use crate::parallel::Turn;
use crate::xattrs;

/// What the system may tell of a directory at a time; as much as is kept for others to use.
const GETDENTS_BYTES: usize = 128 << 10;

pub struct Entry {
    /// Where its name begins in the listing's names, and how long it is without the zero byte.
    name: usize,
    length: usize,
    pub stat: Stat,
    entered: AtomicBool,
    /// Of a directory that was entered, if the walk asks for them.
    attribute_names: OnceLock<rustix::io::Result<Vec<u8>>>,
}

impl Entry {
    fn new(name: usize, length: usize, stat: Stat) -> Self {
        Self {
            name,
            length,
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

/// The entries of a directory in inode order. Keeps the directory open,
/// so that they can be opened whatever happens to the path.
pub struct Listing {
    /// None for the listing of a root, whose one name is relative to the working directory.
    directory: Option<OwnedFd>,
    path: Vec<u8>,
    archived: Vec<u8>,
    /// Whether directories are asked for the names of their attributes as they are entered: if that fails, so does the
    /// directory, with all that is in it.
    asks_attributes: bool,
    /// What the walk goes through, if that needs no more than this to be decided.
    pub everything: Option<Arc<Everything>>,
    /// Each ended by a zero byte.
    names: Vec<u8>,
    pub entries: Vec<Entry>,
    /// Why the directory could not be read, though it could be opened; then it has no entries.
    error: Option<Errno>,
    pub failures: Vec<(Vec<u8>, Errno)>,
    pub(super) ahead: Ahead,
}

impl Listing {
    /// The directory as it was walked to; empty for the listing of a root.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Why the directory could not be read, though it could be opened; 0 if it could.
    pub fn errno(&self) -> i32 {
        self.error.map_or(0, Errno::raw_os_error)
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

    /// The name of one of its entries, relative to its directory; of a root it is the whole path.
    pub fn name(&self, entry: &Entry) -> &CStr {
        CStr::from_bytes_with_nul(&self.names[entry.name..=entry.name + entry.length]).unwrap_or_default()
    }

    /// The same without the zero byte.
    fn name_bytes(&self, entry: &Entry) -> &[u8] {
        &self.names[entry.name..entry.name + entry.length]
    }

    /// An entry as walked to.
    pub fn walked(&self, entry: &Entry) -> Vec<u8> {
        let mut path = Vec::new();
        self.append_walked(entry, &mut path);
        path
    }

    /// The same, at the end of what `out` holds.
    pub fn append_walked(&self, entry: &Entry, out: &mut Vec<u8>) {
        let name = self.name_bytes(entry);
        if self.is_root() {
            out.extend_from_slice(name);
        } else {
            append_walked(&self.path, name, out);
        }
    }

    /// An entry as archives store it.
    pub fn archived(&self, entry: &Entry) -> Vec<u8> {
        let mut path = Vec::new();
        self.append_archived(entry, &mut path);
        path
    }

    /// The same, at the end of what `out` holds.
    pub fn append_archived(&self, entry: &Entry, out: &mut Vec<u8>) {
        if self.is_root() {
            out.extend_from_slice(&self.archived);
            return;
        }
        // The content of these loses the prefix; `..` must not occur in a stored path.
        if !matches!(&*self.archived, b"" | b"." | b"..") {
            out.extend_from_slice(&self.archived);
            out.push(b'/');
        }
        out.extend_from_slice(self.name_bytes(entry));
    }

    /// Indices of the entries with the nodump flag. Only regular files and directories have flags that Borg sees.
    pub fn nodump(&self) -> Vec<usize> {
        let marked = |entry: &Entry| {
            let flags = match (entry.stat.kind(), entry.stat.flags) {
                (b'f' | b'd', Some(flags)) => flags,
                (b'f' | b'd', None) => {
                    let opened = open_file(self.dirfd(), self.name(entry));
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
pub fn scan_root(path: &[u8], archived: &[u8], asks_attributes: bool, everything: Option<Everything>) -> Result<Listing> {
    let name = CString::new(path).map_err(|_| Error::value("a path cannot contain a zero byte"))?;
    let stat = Stat::of_name(CWD, &name).map_err(|error| failed(error, path))?;
    Ok(Listing {
        directory: None,
        path: Vec::new(),
        archived: archived.to_vec(),
        asks_attributes,
        everything: everything.map(Arc::new),
        entries: vec![Entry::new(0, name.as_bytes().len(), stat)],
        names: name.into_bytes_with_nul(),
        error: None,
        failures: Vec::new(),
        ahead: Ahead::default(),
    })
}

/// The content of the directory that is an entry of `parent`.
pub(super) fn list_directory(parent: &Listing, index: usize) -> Result<Listing> {
    let entry = parent.entry(index)?;
    let path = parent.walked(entry);
    let _turn = Turn::wait();
    let directory = open_directory(parent.dirfd(), parent.name(entry)).map_err(|error| failed(error, &path))?;
    let stat = Stat::of_open(&directory).map_err(|error| failed(error, &path))?;
    if !stat.is_same_file(&entry.stat) {
        return Err(failed(Errno::STALE, &path));
    }
    entry.entered.store(true, Ordering::Release);
    if parent.asks_attributes {
        entry
            .attribute_names
            .get_or_init(|| xattrs::names(|buffer| flistxattr(&directory, buffer)));
    }
    let (Names { names, places }, error) = match read_names(&directory) {
        Ok(names) => (names, None),
        Err(error) => (Names::default(), Some(error)),
    };
    let mut entries = Vec::with_capacity(places.len());
    let mut failures = Vec::new();
    for (_, place) in places {
        let name = CStr::from_bytes_until_nul(&names[place..]).unwrap_or_default();
        match Stat::of_name(&directory, name) {
            Ok(stat) => entries.push(Entry::new(place, name.count_bytes(), stat)),
            Err(error) => {
                let mut walked = Vec::new();
                append_walked(&path, name.to_bytes(), &mut walked);
                failures.push((walked, error));
            }
        }
    }
    Ok(Listing {
        directory: Some(directory),
        path,
        archived: parent.archived(entry),
        asks_attributes: parent.asks_attributes,
        everything: parent.everything.clone(),
        names,
        entries,
        error,
        failures,
        ahead: Ahead::default(),
    })
}

/// The names in a directory, each ended by a zero byte, and what it calls their inodes together with where they begin.
#[derive(Default)]
struct Names {
    names: Vec<u8>,
    places: Vec<(u64, usize)>,
}

/// Everything in a directory, sorted by the inode number as the directory gives it: that of a mount point is the covered
/// directory's. Reading in this order is what spinning disks like, and what Borg does.
fn read_names(directory: &OwnedFd) -> rustix::io::Result<Names> {
    let mut buffer = memory::buffer(GETDENTS_BYTES);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    let (mut names, mut places) = (Vec::new(), Vec::new());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            places.push((entry.ino(), names.len()));
            names.extend_from_slice(name.to_bytes_with_nul());
        }
    }
    memory::recycle(buffer);
    places.sort_by_key(|(inode, _)| *inode);
    Ok(Names { names, places })
}

/// Content of `.` is walked by bare names, as Borg shows it.
fn append_walked(directory: &[u8], name: &[u8], out: &mut Vec<u8>) {
    if directory != b"." {
        out.extend_from_slice(directory);
        if !directory.ends_with(b"/") {
            out.push(b'/');
        }
    }
    out.extend_from_slice(name);
}

fn failed(error: Errno, path: &[u8]) -> Error {
    Error::os(error, Some(PathBuf::from(OsStr::from_bytes(path))))
}
