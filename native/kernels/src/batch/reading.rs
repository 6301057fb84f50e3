//! Reading a batch: attributes of every entry, content of the changed regular files that fit into memory.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use rustix::buffer::spare_capacity;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{SeekFrom, readlinkat, seek};
use rustix::io::read;

use super::FileBatch;
use super::attributes::{Access, Attributes, LISTING};
use super::entry::{BatchEntry, Content, Failure};
use super::options::{FilesChanged, ItemOptions};
use crate::chunking::{Chunk, Chunker};
use crate::hashing::{ExpectedIds, IdQueue};
use crate::interruptions::persistently;
use crate::memory::{self, Shared};
use crate::parallel::{self, Turn};
use crate::scanning::Stat;
use crate::scanning::open::{flags_of_open, open_directory, open_file};

/// What one thread reads before it hashes the chunks of all of it together: enough to keep every lane of the hash functions
/// busy, and little enough to stay in the processor's cache and to leave work for the other threads.
const GROUP_BYTES: u64 = 2 << 20;
const GROUP_ENTRIES: usize = 128;
/// Longer chunks keep one lane busy when all others are done; those of many groups go together.
const LONG_CHUNK: usize = GROUP_BYTES as usize / 16;

/// What reading needs to know besides the entry.
struct Reading<'a> {
    options: ItemOptions,
    chunker: &'a Chunker,
    ids: &'a IdQueue,
    max_file_bytes: u64,
}

impl FileBatch {
    /// Reads all entries, in parallel. Slaves of masters that fail are read as masters.
    pub fn read(&mut self, chunker: &Chunker, ids: &Arc<IdQueue>, max_file_bytes: u64) {
        let reading = Reading {
            options: self.options,
            chunker,
            ids,
            max_file_bytes,
        };
        let has_content = self.entries.iter().any(|entry| reading.expected_bytes(entry) > 0);
        let readers = if has_content {
            parallel::readers()
        } else {
            parallel::idle_readers()
        };
        let groups = reading.grouped(&mut self.entries);
        match readers {
            Some(readers) => readers.install(|| {
                let groups = groups.into_par_iter().with_max_len(1);
                groups.for_each(|group| reading.read_group(group));
            }),
            None => groups.into_iter().for_each(|group| reading.read_group(group)),
        }
        for index in 0..self.entries.len() {
            // An heir comes later in the batch, so its own failure is met by this same loop.
            if self.entries[index].failure().is_some()
                && let Some(heir) = self.replace_master(index)
            {
                reading.read_group(&mut self.entries[heir..=heir]);
            }
        }
        self.late_ids = Some(LateIds::of(&self.entries, ids));
    }

    /// Gives the long chunks their ids.
    pub(super) fn complete_ids(&mut self) {
        let Some(LateIds { places, ids }) = self.late_ids.take() else {
            return;
        };
        for ((entry, number), id) in places.into_iter().zip(ids.wait()) {
            if let Content::Chunks(chunks) = &mut self.entries[entry].content {
                chunks[number].id = id;
            }
        }
    }
}

/// The long chunks that were read: entry and number of each, and their ids to come.
pub(super) struct LateIds {
    places: Vec<(usize, usize)>,
    ids: ExpectedIds,
}

impl LateIds {
    fn of(entries: &[BatchEntry], queue: &Arc<IdQueue>) -> Self {
        let (mut places, mut buffers) = (Vec::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            let Content::Chunks(chunks) = &entry.content else { continue };
            for (number, chunk) in chunks.iter().enumerate().filter(|(_, chunk)| is_long(&chunk.data)) {
                places.push((index, number));
                buffers.push(chunk.data.clone());
            }
        }
        let ids = queue.add(buffers);
        Self { places, ids }
    }
}

fn is_long(chunk: &[u8]) -> bool {
    chunk.len() > LONG_CHUNK
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
    /// The entries cut into groups of about `GROUP_BYTES`, in order.
    fn grouped<'e>(&self, mut entries: &'e mut [BatchEntry]) -> Vec<&'e mut [BatchEntry]> {
        let mut groups = Vec::new();
        while !entries.is_empty() {
            let (mut count, mut bytes) = (0, 0);
            while count < entries.len().min(GROUP_ENTRIES) && bytes < GROUP_BYTES {
                bytes += self.expected_bytes(&entries[count]);
                count += 1;
            }
            let (group, rest) = entries.split_at_mut(count);
            groups.push(group);
            entries = rest;
        }
        groups
    }

    /// How much content `read_group` will probably read of an entry.
    fn expected_bytes(&self, entry: &BatchEntry) -> u64 {
        let is_read = entry.kind == b'f' && !entry.is_slave() && !matches!(entry.content, Content::Unchanged(_));
        if is_read && entry.stat.size <= self.max_file_bytes {
            entry.stat.size
        } else {
            0
        }
    }

    /// Reads the files of a group end to end into one buffer, then cuts and hashes them.
    fn read_group(&self, group: &mut [BatchEntry]) {
        // One byte more than expected, so that a file of the expected size ends within the buffer.
        let expected: u64 = group.iter().map(|entry| self.expected_bytes(entry) + 1).sum();
        let mut buffer = memory::buffer(usize::try_from(expected).unwrap_or_default());
        let mut contents = Vec::new();
        let turn = Turn::wait();
        for (index, entry) in group.iter_mut().enumerate() {
            match self.read_entry(entry, &mut buffer) {
                Ok(Some(range)) => contents.push((index, range)),
                Ok(None) => {}
                Err(failure) => entry.fail(failure),
            }
        }
        turn.end();
        let whole = Shared::from(buffer);
        let mut pieces = Vec::with_capacity(contents.len());
        for (index, range) in contents {
            group[index].content = Content::Chunks(Vec::new());
            let mut start = range.start;
            while start < range.end {
                let length = self.chunker.next_cut(&whole[start..range.end], (start - range.start) as u64);
                pieces.push((index, whole.slice(start..start + length)));
                start += length;
            }
        }
        let short = || pieces.iter().filter(|(_, data)| !is_long(data));
        let slices: Vec<&[u8]> = short().map(|(_, data)| &**data).collect();
        let mut ids = self.ids.hasher().digest_on_this_thread(&slices).into_iter();
        for (index, data) in pieces {
            let id = if is_long(&data) { None } else { ids.next() };
            let id = id.unwrap_or_default();
            if let Content::Chunks(chunks) = &mut group[index].content {
                chunks.push(Chunk { id, data });
            }
        }
    }

    /// Attributes of an entry; of a regular file that is to be read also the content, which lies in `buffer` then.
    fn read_entry(&self, entry: &mut BatchEntry, buffer: &mut Vec<u8>) -> Result<Option<Range<usize>>, Failure> {
        match entry.kind {
            b'd' => {
                // Whoever goes through the whole tree has opened it already, and knows it for a directory.
                if !entry.listed().was_entered() || self.examine_closed(entry).is_err() {
                    let name = entry.name();
                    let opened = open_directory(entry.listing.dirfd(), name).map_err(Failure::during("dir_open"))?;
                    entry.stat = checked(&opened, &entry.stat)?;
                    self.examine_open(entry, &opened)?;
                }
                entry.content = Content::Nothing;
            }
            b'f' if entry.is_slave() => {
                self.examine_closed(entry)?;
                entry.content = Content::Nothing;
            }
            b'f' => match entry.content {
                Content::Unchanged(_) => self.examine_closed(entry)?,
                _ => return self.read_file(entry, buffer),
            },
            _ => {
                let mut target = None;
                if entry.kind == b'l' {
                    let found = readlinkat(entry.listing.dirfd(), entry.name(), Vec::new());
                    target = Some(found.map_err(Failure::during("readlink"))?.into_bytes());
                }
                entry.attributes = self.attributes(entry, &Access::by_name(entry))?;
                entry.attributes.target = target;
                entry.content = if entry.has_content() {
                    Content::Large
                } else {
                    Content::Nothing
                };
            }
        }
        Ok(None)
    }

    /// Attributes and, unless it is large, content of a regular file.
    fn read_file(&self, entry: &mut BatchEntry, buffer: &mut Vec<u8>) -> Result<Option<Range<usize>>, Failure> {
        let opened = open_regular(entry)?;
        entry.stat = checked(&opened, &entry.stat)?;
        self.examine_open(entry, &opened)?;
        // Holes are for the reader of large files; most files that are sparse are large anyway.
        let is_large = entry.stat.size > self.max_file_bytes || self.options.sparse && has_holes(&opened, entry.stat.size);
        let content = if is_large { None } else { self.read_content(&opened, buffer)? };
        let Some((range, after)) = content else {
            entry.content = Content::Large;
            return Ok(None);
        };
        entry.changed = self.options.has_changed(&entry.stat, &after);
        Ok(Some(range))
    }

    /// Appends everything up to the end of the file, wherever that is by now, to the buffer; None if that is too much.
    fn read_content(&self, opened: &OwnedFd, buffer: &mut Vec<u8>) -> Result<Option<(Range<usize>, Stat)>, Failure> {
        let start = buffer.len();
        loop {
            if buffer.len() == buffer.capacity() {
                buffer.reserve(4096);
            }
            let count = persistently(|| read(opened, spare_capacity(buffer))).map_err(Failure::during("read"))?;
            let length = (buffer.len() - start) as u64;
            if length > self.max_file_bytes {
                buffer.truncate(start);
                return Ok(None);
            }
            let now = Stat::of_open(opened).map_err(Failure::during("fstat"))?;
            // Some file systems do not tell the size, and give the content all the same.
            if count == 0 || length == now.size {
                return Ok(Some((start..buffer.len(), now)));
            }
        }
    }

    /// Attributes of a file that needs no opening unless it turns out to have flags that only ioctl tells.
    fn examine_closed(&self, entry: &mut BatchEntry) -> Result<(), Failure> {
        if self.options.flags && entry.stat.flags.is_none() {
            let opened = open_regular(entry)?;
            checked(&opened, &entry.stat)?;
            return self.examine_open(entry, &opened);
        }
        entry.attributes = self.attributes(entry, &Access::by_name(entry))?;
        if self.options.flags {
            entry.attributes.flags = entry.stat.flags.unwrap_or_default();
        }
        Ok(())
    }

    fn examine_open(&self, entry: &mut BatchEntry, opened: &OwnedFd) -> Result<(), Failure> {
        entry.attributes = self.attributes(entry, &Access::Open(opened.as_fd()))?;
        if self.options.flags {
            entry.attributes.flags = flags_of_open(opened, &entry.stat);
        }
        Ok(())
    }

    /// Extended attributes and ACLs. ACLs are among the names, so one list serves both.
    fn attributes(&self, entry: &BatchEntry, access: &Access) -> Result<Attributes, Failure> {
        if !self.options.xattrs && !self.options.acls {
            return Ok(Attributes::default());
        }
        let names = match entry.listed().attribute_names() {
            Some(names) => names.clone().map_err(Failure::during(LISTING))?,
            None => access.names()?,
        };
        Attributes::read(access, &names, entry.kind == b'd', entry.stat.mode, &self.options)
    }
}

fn open_regular(entry: &BatchEntry) -> Result<OwnedFd, Failure> {
    open_file(entry.listing.dirfd(), entry.name()).map_err(Failure::during("open"))
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
