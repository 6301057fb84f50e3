//! Reading a batch: attributes of every entry, content of the changed regular files that fit into memory.

use rayon::prelude::*;
use rustix::buffer::spare_capacity;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{SeekFrom, readlinkat, seek};
use rustix::io::{Errno, read};

use super::FileBatch;
use super::attributes::{Access, Attributes};
use super::entry::{BatchEntry, Content, Failure};
use super::options::{FilesChanged, ItemOptions};
use crate::chunking::{Chunk, Chunker};
use crate::hashing::IdHasher;
use crate::memory::Shared;
use crate::scanning::Stat;
use crate::scanning::open::{flags_of_open, open_directory, open_file};

/// Files that one thread reads before it hashes their chunks together: a multiple of four, as BLAKE2b hashes four at a time,
/// and few enough to stay in its cache and to leave work for the other threads.
const GROUP: usize = 8;

/// What reading needs to know besides the entry.
struct Reading<'a> {
    options: ItemOptions,
    chunker: &'a Chunker,
    hasher: &'a IdHasher,
    max_file_bytes: u64,
}

impl FileBatch {
    /// Reads all entries, in parallel. Slaves of masters that fail are read as masters.
    pub fn read(&mut self, chunker: &Chunker, hasher: &IdHasher, max_file_bytes: u64) {
        let reading = Reading {
            options: self.options,
            chunker,
            hasher,
            max_file_bytes,
        };
        self.entries.par_chunks_mut(GROUP).for_each(|group| reading.read_group(group));
        for index in 0..self.entries.len() {
            // An heir comes later in the batch, so its own failure is met by this same loop.
            if self.entries[index].failure().is_some()
                && let Some(heir) = self.replace_master(index)
            {
                reading.read_group(&mut self.entries[heir..=heir]);
            }
        }
    }
}

impl ItemOptions {
    pub(super) fn has_changed(&self, before: &Stat, after: &Stat) -> bool {
        match self.files_changed {
            FilesChanged::Ctime => before.ctime != after.ctime,
            FilesChanged::Mtime => before.mtime != after.mtime,
            FilesChanged::Disabled => false,
        }
    }
}

impl Reading<'_> {
    fn read_group(&self, group: &mut [BatchEntry]) {
        for entry in group.iter_mut() {
            if let Err(failure) = self.read_entry(entry) {
                entry.fail(failure);
            }
        }
        let pieces = group.iter().filter_map(|entry| match &entry.content {
            Content::Pieces(pieces) => Some(pieces),
            _ => None,
        });
        let slices: Vec<&[u8]> = pieces.flatten().map(|piece| &**piece).collect();
        let mut ids = self.hasher.digest_many(&slices).into_iter();
        for entry in group {
            if let Content::Pieces(pieces) = &mut entry.content {
                let pieces = std::mem::take(pieces).into_iter();
                // The pieces lead: when they end, no id has been taken in vain.
                entry.content = Content::Chunks(pieces.zip(ids.by_ref()).map(|(data, id)| Chunk { id, data }).collect());
            }
        }
    }

    fn read_entry(&self, entry: &mut BatchEntry) -> Result<(), Failure> {
        entry.attributes = Attributes::default();
        match entry.kind {
            b'd' => {
                let dirfd = entry.listing.dirfd();
                let opened = open_directory(dirfd, entry.listed().name.as_c_str()).map_err(Failure::during("dir_open"))?;
                entry.stat = checked(&opened, &entry.stat)?;
                entry.content = Content::Nothing;
                self.attributes_of_open(entry, &opened)
            }
            b'f' if entry.is_slave() => {
                entry.content = Content::Nothing;
                self.attributes_of_closed(entry)
            }
            b'f' => match entry.content {
                Content::Unchanged(_) => self.attributes_of_closed(entry),
                _ => self.read_file(entry),
            },
            _ => {
                if entry.kind == b'l' {
                    let target = readlinkat(entry.listing.dirfd(), entry.listed().name.as_c_str(), Vec::new());
                    entry.attributes.target = Some(target.map_err(Failure::during("readlink"))?.into_bytes());
                }
                entry.content = if entry.has_content() {
                    Content::Large
                } else {
                    Content::Nothing
                };
                let access = Access::by_path(entry);
                self.attributes_by(entry, &access)
            }
        }
    }

    /// Attributes and, unless it is large, content of a regular file.
    fn read_file(&self, entry: &mut BatchEntry) -> Result<(), Failure> {
        let opened = open_regular(entry)?;
        entry.stat = checked(&opened, &entry.stat)?;
        self.attributes_of_open(entry, &opened)?;
        // Holes are for the reader of large files; most files that are sparse are large anyway.
        if entry.stat.size > self.max_file_bytes || self.options.sparse && has_holes(&opened, entry.stat.size) {
            entry.content = Content::Large;
            return Ok(());
        }
        let Some(data) = self.read_content(&opened, entry.stat.size)? else {
            entry.content = Content::Large;
            return Ok(());
        };
        let after = Stat::of_open(&opened).map_err(Failure::during("fstat"))?;
        entry.changed = self.options.has_changed(&entry.stat, &after);
        let whole = Shared::from(data);
        let mut pieces = Vec::new();
        let mut start = 0;
        while start < whole.len() {
            let length = self.chunker.next_cut(&whole[start..], start as u64);
            pieces.push(whole.slice(start..start + length));
            start += length;
        }
        entry.content = Content::Pieces(pieces);
        Ok(())
    }

    /// Everything up to the end of the file, wherever that is by now; None if that is too much.
    fn read_content(&self, opened: &OwnedFd, size: u64) -> Result<Option<Vec<u8>>, Failure> {
        // One byte more than expected, so that a file of the expected size ends within the buffer.
        let mut data = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
        loop {
            if data.len() as u64 > self.max_file_bytes {
                return Ok(None);
            }
            if data.len() == data.capacity() {
                data.reserve(data.len().max(4096));
            }
            match read(opened, spare_capacity(&mut data)) {
                Ok(0) => return Ok(Some(data)),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(Failure::during("read")(error)),
            }
        }
    }

    /// Of a file that needs no opening unless it turns out to have attributes: most have none.
    fn attributes_of_closed(&self, entry: &mut BatchEntry) -> Result<(), Failure> {
        let access = Access::by_path(entry);
        let flags_unknown = self.options.flags && entry.stat.flags.is_none();
        if flags_unknown || self.wants_names() && !access.names()?.is_empty() {
            let opened = open_regular(entry)?;
            checked(&opened, &entry.stat)?;
            return self.attributes_of_open(entry, &opened);
        }
        if self.options.flags {
            entry.attributes.flags = entry.stat.flags.unwrap_or_default();
        }
        Ok(())
    }

    fn attributes_of_open(&self, entry: &mut BatchEntry, opened: &OwnedFd) -> Result<(), Failure> {
        if self.options.flags {
            entry.attributes.flags = flags_of_open(opened, &entry.stat);
        }
        self.attributes_by(entry, &Access::Open(opened.as_fd()))
    }

    fn attributes_by(&self, entry: &mut BatchEntry, access: &Access) -> Result<(), Failure> {
        if !self.wants_names() {
            return Ok(());
        }
        let names = access.names()?;
        let (is_directory, mode) = (entry.kind == b'd', entry.stat.mode);
        entry.attributes.read(access, &names, is_directory, mode, &self.options)
    }

    /// ACLs are among the names, so one list serves both.
    fn wants_names(&self) -> bool {
        self.options.xattrs || self.options.acls
    }
}

fn open_regular(entry: &BatchEntry) -> Result<OwnedFd, Failure> {
    open_file(entry.listing.dirfd(), entry.listed().name.as_c_str()).map_err(Failure::during("open"))
}

/// What the open file says of itself, provided it is the one that was listed.
fn checked(opened: &OwnedFd, listed: &Stat) -> Result<Stat, Failure> {
    let stat = Stat::of_open(opened).map_err(Failure::during("fstat"))?;
    if stat.is_same_file(listed) {
        Ok(stat)
    } else {
        Err(Failure::RACE)
    }
}

fn has_holes(opened: &OwnedFd, size: u64) -> bool {
    let first = seek(opened, SeekFrom::Hole(0));
    // Back to the start even if there is no hole: the content is read from there.
    let back = seek(opened, SeekFrom::Start(0));
    size > 0 && first.is_ok_and(|first| first < size) && back.is_ok()
}
