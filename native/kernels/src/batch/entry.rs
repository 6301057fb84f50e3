//! One file of a batch: what is known of it so far.

use std::ffi::CStr;
use std::ops::Range;
use std::sync::Arc;

use rustix::io::Errno;

use super::attributes::Attributes;
use crate::Id;
use crate::chunking::Chunk;
use crate::files_cache::Difference;
use crate::scanning::{Entry, Listing, Stat};

/// Why an entry could not be read: errno (0 for a file that was replaced meanwhile) and what was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub errno: i32,
    pub operation: &'static str,
}

impl Failure {
    pub const RACE: Self = Self {
        errno: 0,
        operation: "race",
    };

    pub fn during(operation: &'static str) -> impl Fn(Errno) -> Self {
        move |error| Self {
            errno: error.raw_os_error(),
            operation,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    #[default]
    None,
    Master,
    Slave {
        source: Vec<u8>,
    },
}

/// Where the content of a file stands.
pub enum Content {
    /// Not looked at yet.
    Listed,
    /// Kinds without content, and hard link slaves, once their attributes are read.
    Nothing,
    /// The files cache vouches for these of the batch's chunks, none of them referenced yet.
    Unchanged(Range<usize>),
    /// Read, not referenced yet. Those that are long get their ids when they are claimed.
    Chunks(Vec<Chunk>),
    /// To be read by the caller.
    Large,
    /// Read by the caller, who has yet to say what chunks it has.
    Arriving,
    /// Unchanged, but a chunk has left the index since it was looked up there: to be read by the caller after all.
    Bereft,
    /// These of the batch's chunks, in the index and referenced. `was_read` is false for what the files cache vouched for.
    Stored { chunks: Range<usize>, was_read: bool },
    /// Left out; holds no references.
    Failed(Failure),
}

/// What the files cache said of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// It was not asked.
    Unasked,
    Nothing,
    Otherwise(Difference),
    /// As it is now, but a chunk of it is not in the repository any more.
    Incompletely,
    Same,
}

pub struct BatchEntry {
    pub listing: Arc<Listing>,
    index: usize,
    /// As listed; refreshed when the file is opened.
    pub stat: Stat,
    /// The letter of `Stat::kind`; for special files to be read as if regular that of the special file.
    pub kind: u8,
    /// Read like a regular file although it is none.
    pub special: bool,
    /// A symlink that is replaced by the special file it leads to.
    pub followed: bool,
    pub link: Link,
    /// Where the files cache keeps the file, if it is asked.
    pub path_hash: Option<Id>,
    pub remembered: Remembered,
    /// The file changed while it was read.
    pub changed: bool,
    pub content: Content,
    pub attributes: Attributes,
}

impl BatchEntry {
    /// None for kinds that are not archived.
    pub fn new(listing: &Arc<Listing>, index: usize, read_special: bool) -> Option<Self> {
        let listed = listing.entries.get(index)?;
        let mut stat = listed.stat;
        let mut followed = false;
        if read_special && stat.kind() == b'l' {
            let target = Stat::of_target(listing.dirfd(), listing.name(listed));
            if let Some(target) = target.ok().filter(|target| matches!(target.kind(), b'p' | b'c' | b'b')) {
                stat = target;
                followed = true;
            }
        }
        let kind = stat.kind();
        if matches!(kind, b's' | b'?') {
            return None;
        }
        Some(Self {
            listing: Arc::clone(listing),
            index,
            stat,
            kind,
            special: read_special && matches!(kind, b'p' | b'c' | b'b'),
            followed,
            link: Link::None,
            path_hash: None,
            remembered: Remembered::Unasked,
            changed: false,
            content: Content::Listed,
            attributes: Attributes::default(),
        })
    }

    pub fn listed(&self) -> &Entry {
        // The index was checked when the entry was made, and listings never change.
        &self.listing.entries[self.index]
    }

    /// Relative to the directory of its listing.
    pub fn name(&self) -> &CStr {
        self.listing.name(self.listed())
    }

    pub fn walked(&self) -> Vec<u8> {
        self.listing.walked(self.listed())
    }

    /// The same, at the end of what `out` holds.
    pub fn append_walked(&self, out: &mut Vec<u8>) {
        self.listing.append_walked(self.listed(), out);
    }

    /// Whether the path as walked to is absolute.
    pub fn is_absolute(&self) -> bool {
        match self.listing.path() {
            // What is in `.` is walked by its name alone, and a root is its own path.
            b"" | b"." => self.name().to_bytes().starts_with(b"/"),
            path => path.starts_with(b"/"),
        }
    }

    /// The path as archives store it, at the end of what `out` holds.
    pub fn append_archived(&self, out: &mut Vec<u8>) {
        self.listing.append_archived(self.listed(), out);
    }

    pub fn archived(&self) -> Vec<u8> {
        self.listing.archived(self.listed())
    }

    /// The chunks; None for entries without content and those that failed.
    pub fn stored(&self) -> Option<Range<usize>> {
        match &self.content {
            Content::Stored { chunks, .. } => Some(chunks.clone()),
            _ => None,
        }
    }

    pub fn may_be_linked(&self) -> bool {
        matches!(self.kind, b'f' | b'p' | b'c' | b'b')
    }

    pub fn is_slave(&self) -> bool {
        matches!(self.link, Link::Slave { .. })
    }

    /// True if archives hold content of it: regular files, and special files that are read, but not further links.
    pub fn has_content(&self) -> bool {
        (self.kind == b'f' || self.special) && !self.is_slave()
    }

    /// True if the files cache knows and keeps such entries.
    pub fn is_cacheable(&self) -> bool {
        self.kind == b'f' && !self.is_slave()
    }

    pub fn failure(&self) -> Option<Failure> {
        match self.content {
            Content::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// Leaves the entry out.
    pub fn fail(&mut self, failure: Failure) {
        self.content = Content::Failed(failure);
    }

    /// Whether the files cache had a record of the path.
    pub fn was_known(&self) -> bool {
        !matches!(self.remembered, Remembered::Unasked | Remembered::Nothing)
    }

    /// M for a file that the files cache knows as it was before, else A.
    pub fn novelty(&self) -> u8 {
        if self.was_known() { b'M' } else { b'A' }
    }

    /// Why a regular file is read, as a letter: u if nothing was known of it, s, i, c or m for the size, inode, ctime or mtime
    /// that differs, g for a chunk that has gone; a point for what is not read, or would be in any case.
    pub fn reason(&self) -> u8 {
        match self.remembered {
            Remembered::Nothing => b'u',
            Remembered::Otherwise(Difference::Size) => b's',
            Remembered::Otherwise(Difference::Inode) => b'i',
            Remembered::Otherwise(Difference::Ctime) => b'c',
            Remembered::Otherwise(Difference::Mtime) => b'm',
            Remembered::Incompletely => b'g',
            Remembered::Unasked | Remembered::Same => b'.',
        }
    }

    pub fn status(&self) -> u8 {
        match self.content {
            Content::Failed(_) => return b'E',
            Content::Listed => return b'?',
            _ => {}
        }
        match self.kind {
            _ if self.is_slave() => b'h',
            _ if self.special || self.kind == b'f' => match self.content {
                Content::Unchanged(_) | Content::Stored { was_read: false, .. } => b'U',
                _ if self.changed => b'C',
                _ => self.novelty(),
            },
            b'l' => b's',
            b'p' => b'f',
            kind => kind,
        }
    }
}
