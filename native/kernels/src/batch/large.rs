//! Entries whose content the caller reads: large files, and special files that are read as if they were regular.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::FileBatch;
use super::entry::{Content, Failure, Link};
use crate::chunking::ChunkList;
use crate::errors::{Error, Result};
use crate::scanning::open::{open_file, open_quietly};
use crate::scanning::{Listing, Stat};

/// What `LargeFile::open` says of another file in the place of the listed one.
const STALE: i32 = Errno::STALE.raw_os_error();

impl FileBatch {
    /// The entries whose content is still to be read.
    pub fn large(&self) -> Vec<usize> {
        self.numbers(|content| matches!(content, Content::Large))
    }

    /// The unchanged entries that `claim` could not vouch for.
    pub fn bereft(&self) -> Vec<usize> {
        self.numbers(|content| matches!(content, Content::Bereft))
    }

    fn numbers(&self, is_wanted: impl Fn(&Content) -> bool) -> Vec<usize> {
        let numbered = self.entries.iter().enumerate();
        numbered
            .filter(|(_, entry)| is_wanted(&entry.content))
            .map(|(index, _)| index)
            .collect()
    }

    /// Whether opening or reading the entry may have to wait for another program.
    pub fn may_wait(&self, index: usize) -> Result<bool> {
        Ok(self.entry(index)?.special)
    }

    /// What it takes to open such an entry, which may block: so it is not done while the batch is in use.
    pub fn large_file(&self, index: usize) -> Result<LargeFile> {
        let entry = self.large_entry(index)?;
        Ok(LargeFile {
            listing: Arc::clone(&entry.listing),
            name: entry.name().to_owned(),
            walked: entry.walked(),
            stat: entry.stat,
            special: entry.special,
            followed: entry.followed,
        })
    }

    /// Notes that such an entry was read to its end from `fd`, and whether the file changed meanwhile.
    pub fn end_large(&mut self, index: usize, fd: BorrowedFd<'_>) -> Result<()> {
        self.large_entry(index)?;
        let after = Stat::of_open(fd).map_err(|error| Error::os(error, None))?;
        let options = self.options;
        let entry = self.entry_mut(index)?;
        entry.changed = !entry.special && options.has_changed(&entry.stat, &after);
        entry.content = Content::Arriving;
        Ok(())
    }

    /// Sets the content of an entry that was read to its end.
    pub fn finish_large(&mut self, index: usize, chunks: ChunkList) -> Result<()> {
        if !matches!(self.entry(index)?.content, Content::Arriving) {
            return Err(Error::value(format!("entry {index} was not read to its end")));
        }
        let start = self.chunks.len();
        self.chunks.append(chunks);
        let stored = Content::Stored {
            chunks: start..self.chunks.len(),
            was_read: true,
        };
        self.entry_mut(index)?.content = stored;
        Ok(())
    }

    /// Leaves such an entry out, which could not be opened or could not be read. A further link of it in this batch may become
    /// large in its place.
    pub fn fail_large(&mut self, index: usize, errno: i32, was_opened: bool) -> Result<()> {
        let is_bereft = matches!(self.large_entry(index)?.content, Content::Bereft);
        let failure = match errno {
            STALE => Failure::RACE,
            _ => Failure {
                errno,
                operation: if was_opened { "read" } else { "open" },
            },
        };
        self.entry_mut(index)?.fail(failure);
        if let Some(heir) = self.replace_master(index) {
            let entry = self.entry_mut(heir)?;
            if entry.has_content() {
                // Whoever reads what is bereft reads this one, too.
                entry.content = if is_bereft { Content::Bereft } else { Content::Large };
            }
        }
        debug_assert!(
            self.entries
                .iter()
                .all(|entry| entry.failure().is_none() || entry.link != Link::Master)
        );
        Ok(())
    }
}

pub struct LargeFile {
    listing: Arc<Listing>,
    name: CString,
    walked: Vec<u8>,
    stat: Stat,
    special: bool,
    followed: bool,
}

impl LargeFile {
    /// A descriptor of the file, checked to be the one that was listed.
    pub fn open(&self) -> Result<OwnedFd> {
        let failed = |error: Errno| Error::os(error, Some(os_path(&self.walked)));
        let (dirfd, name) = (self.listing.dirfd(), self.name.as_c_str());
        let fd = if self.special {
            // Blocking is meant here: whoever asks for a fifo to be read waits for its writer.
            let follow = if self.followed { OFlags::empty() } else { OFlags::NOFOLLOW };
            open_quietly(dirfd, name, follow)
        } else {
            open_file(dirfd, name)
        };
        let fd = fd.map_err(failed)?;
        let stat = Stat::of_open(&fd).map_err(failed)?;
        if !stat.is_same_file(&self.stat) {
            return Err(failed(Errno::STALE));
        }
        Ok(fd)
    }
}

fn os_path(path: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(path))
}
