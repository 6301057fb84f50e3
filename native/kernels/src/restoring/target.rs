//! The directory that a restore writes into, and the rule that nothing is ever written outside it.
//!
//! Archives are not trusted. A path is followed name by name from the target's own descriptor, never through a symlink; paths
//! that begin with a slash or climb are refused. What is created is created beside the descriptor of its directory, so it does
//! not matter what becomes of the names above it meanwhile.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, mkdirat, openat, statat, unlinkat};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use crate::errors::{self, Error};
use crate::locks::lock;

use super::outcome::Trouble;

/// As many directories are kept open.
pub const MOST_OPEN: usize = 200;
const LOOK: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A place in a directory.
#[derive(Clone)]
pub struct Place {
    pub directory: Arc<OwnedFd>,
    pub name: CString,
}

impl Place {
    pub fn dirfd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    pub fn kind(&self) -> rustix::io::Result<FileType> {
        let status = statat(self.dirfd(), &*self.name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(status.st_mode))
    }
}

/// The names of a path that was found not to lead out of where it begins; none for the target itself.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Route(Vec<u8>);

impl Route {
    pub fn new(path: &[u8]) -> Result<Self, Trouble> {
        let names = || path.split(|&byte| byte == b'/');
        if path.starts_with(b"/") || path.contains(&0) || names().any(|name| name == b"..") {
            return Err(Trouble::LeadsOut);
        }
        let names: Vec<&[u8]> = names().filter(|name| !name.is_empty() && *name != b".").collect();
        Ok(Self(names.join(&b'/')))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The directory and the name in it; the target is the name "." in itself.
    fn split(&self) -> (&[u8], &[u8]) {
        match self.0.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (&self.0[..slash], &self.0[slash + 1..]),
            None if self.0.is_empty() => (b"", b"."),
            None => (b"", &self.0),
        }
    }

    /// A number that stands for where it leads to; other routes may have the same by chance, or because somebody wants them to.
    pub fn mark(&self) -> u64 {
        self.0.iter().fold(EMPTY_MARK, |mark, &byte| extended(mark, byte))
    }

    /// Those of every directory on the way, the target itself not counted. However long the way is, it is gone once.
    pub fn marks_on_the_way(&self) -> impl Iterator<Item = u64> {
        let marks = self.0.iter().scan(EMPTY_MARK, |mark, &byte| {
            let before = *mark;
            *mark = extended(before, byte);
            Some((byte, before))
        });
        marks.filter(|(byte, _)| *byte == b'/').map(|(_, mark)| mark)
    }
}

/// FNV-1a.
const EMPTY_MARK: u64 = 0xcbf2_9ce4_8422_2325;

fn extended(mark: u64, byte: u8) -> u64 {
    (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

/// Thread-safe.
pub struct Target {
    root: Arc<OwnedFd>,
    /// Directories that are open, by their paths.
    open: Mutex<HashMap<Vec<u8>, Arc<OwnedFd>>>,
}

impl Target {
    pub fn new(root: BorrowedFd<'_>) -> errors::Result<Self> {
        let root = fcntl_dupfd_cloexec(root, 3).map_err(|error| Error::os(error, None))?;
        Ok(Self {
            root: Arc::new(root),
            open: Mutex::default(),
        })
    }

    /// The place that a route leads to. With `create` missing directories on the way are made.
    pub fn find(&self, route: &Route, create: bool) -> Result<Place, Trouble> {
        let (parent, name) = route.split();
        let name = CString::new(name).map_err(|_| Trouble::LeadsOut)?;
        let mut open = self.lock();
        let directory = match open.get(parent) {
            Some(directory) => Arc::clone(directory),
            None => self.walk(&mut open, parent, create)?,
        };
        Ok(Place { directory, name })
    }

    fn walk(&self, open: &mut HashMap<Vec<u8>, Arc<OwnedFd>>, path: &[u8], create: bool) -> Result<Arc<OwnedFd>, Trouble> {
        let mut directory = Arc::clone(&self.root);
        let mut stop = 0;
        while stop < path.len() {
            let start = if stop == 0 { 0 } else { stop + 1 };
            stop = path[start..]
                .iter()
                .position(|&byte| byte == b'/')
                .map_or(path.len(), |slash| start + slash);
            if let Some(known) = open.get(&path[..stop]) {
                directory = Arc::clone(known);
                continue;
            }
            let name = CString::new(&path[start..stop]).map_err(|_| Trouble::LeadsOut)?;
            let place = Place { directory, name };
            directory = Arc::new(enter(&place, create)?);
            if open.len() >= MOST_OPEN {
                open.clear();
            }
            open.insert(path[..stop].to_vec(), Arc::clone(&directory));
        }
        Ok(directory)
    }

    /// Creates the directory unless it is there. What is there and is none goes.
    pub fn make_directory(&self, route: &Route) -> Result<(), Trouble> {
        let place = self.find(route, true)?;
        loop {
            match mkdirat(place.dirfd(), &*place.name, Mode::RWXU) {
                Err(Errno::EXIST) if place.kind()? == FileType::Directory => return Ok(()),
                Err(Errno::EXIST) => unlinkat(place.dirfd(), &*place.name, AtFlags::empty())?,
                result => return Ok(result?),
            }
        }
    }

    /// Removes what is at a place: an empty directory, or a file.
    pub fn clear(&self, place: &Place, route: &Route) -> Result<(), Trouble> {
        match place.kind() {
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(FileType::Directory) => {
                unlinkat(place.dirfd(), &*place.name, AtFlags::REMOVEDIR)?;
                self.lock().retain(|known, _| !is_at_or_below(known, route.bytes()));
                Ok(())
            }
            Ok(_) => Ok(unlinkat(place.dirfd(), &*place.name, AtFlags::empty())?),
        }
    }

    /// Calls `create`, and once more without what is there already.
    pub fn replace<T>(
        &self,
        place: &Place,
        route: &Route,
        create: impl Fn(&Place) -> rustix::io::Result<T>,
    ) -> Result<T, Trouble> {
        match create(place) {
            Err(Errno::EXIST) => {
                self.clear(place, route)?;
                Ok(create(place)?)
            }
            result => Ok(result?),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Arc<OwnedFd>>> {
        lock(&self.open)
    }
}

fn is_at_or_below(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Opens a directory, which must be a real one.
fn enter(place: &Place, create: bool) -> Result<OwnedFd, Trouble> {
    let look = || openat(place.dirfd(), &*place.name, LOOK, Mode::empty());
    match look() {
        Err(Errno::NOENT) if create => {
            match mkdirat(place.dirfd(), &*place.name, Mode::RWXU | Mode::RWXG | Mode::RWXO) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(look()?)
        }
        Err(Errno::NOTDIR | Errno::LOOP) if place.kind()? == FileType::Symlink => Err(Trouble::SymlinkParent),
        result => Ok(result?),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_plain_or_refused() {
        for (path, route) in [("a//b/./c/", "a/b/c"), (".", ""), ("", ""), ("./a", "a"), ("a/...", "a/...")] {
            assert_eq!(Route::new(path.as_bytes()).unwrap().bytes(), route.as_bytes());
        }
        for path in ["/a", "..", "a/..", "a/../b", "a\0", "/"] {
            assert!(Route::new(path.as_bytes()).is_err());
        }
        let route = Route::new(b"a/b/c").unwrap();
        let marks = [b"a".as_slice(), b"a/b"].map(|way| Route::new(way).unwrap().mark());
        assert_eq!(route.marks_on_the_way().collect::<Vec<_>>(), marks);
        assert!(!marks.contains(&route.mark()));
        assert_eq!(route.split(), (&b"a/b"[..], &b"c"[..]));
    }
}
