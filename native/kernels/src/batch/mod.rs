//! `FileBatch`: a run of files on its way into an archive, from what a listing says to item stream bytes.
//!
//! The stages are methods: link, match, read, claim, encode, memorize. Large files are read between them, by the caller. The
//! invariant: whatever happens to a file stays in its entry; an entry that failed is left out of the archive and holds no chunk
//! references.

mod attributes;
mod claiming;
mod encoding;
mod entry;
mod large;
mod links;
mod matching;
mod options;
mod owners;
mod plain_walk;
mod reading;

pub use entry::Failure;
pub use large::LargeFile;
pub use links::HardLinks;
pub use options::{FilesChanged, ItemOptions};
pub use owners::OwnerNames;
pub use plain_walk::{Obstacle, PlainWalk};

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use crate::chunking::ChunkList;
use crate::errors::{Error, Result};
use crate::locks::lock;
use crate::scanning::Listing;
use entry::{BatchEntry, Content};
use reading::LateIds;

/// When a batch is full.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub entries: usize,
    /// Sum of the sizes of regular files; the last one may go beyond it.
    pub size_bytes: u64,
    /// Each keeps a directory open.
    pub listings: usize,
}

pub struct FileBatch {
    options: ItemOptions,
    limits: Limits,
    entries: Vec<BatchEntry>,
    /// What the chunks of entries are ranges of.
    chunks: ChunkList,
    links: Option<Arc<HardLinks>>,
    /// Addresses of the listings that entries hold on to.
    listings: HashSet<usize>,
    /// Of what was read and is long.
    late_ids: Option<LateIds>,
    /// Sum over the regular files.
    size_bytes: u64,
}

impl FileBatch {
    pub fn new(options: ItemOptions, limits: Limits) -> Self {
        Self {
            options,
            limits,
            entries: spare_entries(),
            chunks: ChunkList::default(),
            links: None,
            listings: HashSet::new(),
            late_ids: None,
            size_bytes: 0,
        }
    }

    /// Appends entries of a listing until the batch is full; sockets and unknown kinds are left out. Returns where it stopped.
    pub fn add(&mut self, listing: &Arc<Listing>, range: Range<usize>) -> usize {
        let stop = range.end.min(listing.entries.len());
        for index in range.start..stop {
            if self.is_full() {
                return index;
            }
            if let Some(entry) = BatchEntry::new(listing, index, self.options.read_special) {
                if entry.kind == b'f' {
                    self.size_bytes = self.size_bytes.saturating_add(entry.stat.size);
                }
                self.entries.push(entry);
                self.listings.insert(Arc::as_ptr(listing).addr());
            }
        }
        range.end
    }

    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.limits.entries
            || self.size_bytes >= self.limits.size_bytes
            || self.listings.len() > self.limits.listings
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn paths(&self) -> Vec<Vec<u8>> {
        self.entries.iter().map(BatchEntry::walked).collect()
    }

    /// An entry as walked to.
    pub fn path(&self, index: usize) -> Result<Vec<u8>> {
        Ok(self.entry(index)?.walked())
    }

    /// One letter per entry, as users see it; ? before `read`.
    pub fn statuses(&self) -> Vec<u8> {
        self.entries.iter().map(BatchEntry::status).collect()
    }

    /// Whether the files cache had a record of the path, which tells a modified file from an added one whatever became of it.
    pub fn was_known(&self, index: usize) -> Result<bool> {
        Ok(self.entry(index)?.was_known())
    }

    /// Why each entry is read, see `BatchEntry::reason`.
    pub fn reasons(&self) -> Vec<u8> {
        self.entries.iter().map(BatchEntry::reason).collect()
    }

    /// (entry, A or M) of each file that changed while it was read: what its status would be otherwise.
    pub fn changed(&self) -> Vec<(usize, u8)> {
        let numbered = self.entries.iter().enumerate();
        let changed = numbered.filter(|(_, entry)| entry.status() == b'C');
        changed.map(|(index, entry)| (index, entry.novelty())).collect()
    }

    /// (entry, walked path, failure) of every entry that failed.
    pub fn failures(&self) -> Vec<(usize, Vec<u8>, Failure)> {
        let numbered = self.entries.iter().enumerate();
        numbered
            .filter_map(|(index, entry)| Some((index, entry.walked(), entry.failure()?)))
            .collect()
    }

    /// (entry, name, errno) of every extended attribute that its file goes without.
    pub fn unreadable_attributes(&self) -> Vec<(usize, Vec<u8>, i32)> {
        let numbered = self.entries.iter().enumerate();
        let of_entry = |(index, entry): (usize, &BatchEntry)| {
            let unreadable = entry.attributes.unreadable.clone().into_iter();
            unreadable.map(move |(name, error)| (index, name, error.raw_os_error()))
        };
        numbered.flat_map(of_entry).collect()
    }

    fn entry(&self, index: usize) -> Result<&BatchEntry> {
        self.entries.get(index).ok_or_else(|| no_entry(index))
    }

    fn entry_mut(&mut self, index: usize) -> Result<&mut BatchEntry> {
        self.entries.get_mut(index).ok_or_else(|| no_entry(index))
    }

    fn large_entry(&self, index: usize) -> Result<&BatchEntry> {
        let entry = self.entry(index)?;
        match entry.content {
            Content::Large | Content::Bereft => Ok(entry),
            _ => Err(Error::value(format!("entry {index} is not waiting for its content"))),
        }
    }
}

impl Drop for FileBatch {
    fn drop(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.clear();
        let mut spare = lock(&SPARE);
        if spare.len() < MOST_SPARE && entries.capacity() <= LARGEST_SPARE {
            spare.push(entries);
        }
    }
}

/// Memory for entries that comes from batches that are done: batches follow each other, and fresh memory costs page faults.
static SPARE: Mutex<Vec<Vec<BatchEntry>>> = Mutex::new(Vec::new());
const MOST_SPARE: usize = 8;
const LARGEST_SPARE: usize = 4096;

fn spare_entries() -> Vec<BatchEntry> {
    lock(&SPARE).pop().unwrap_or_default()
}

fn no_entry(index: usize) -> Error {
    Error::value(format!("the batch has no entry {index}"))
}
