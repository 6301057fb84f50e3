//! Items as bytes of the item stream, and sums over what went into the archive.

use std::ops::Range;

use super::FileBatch;
use super::attributes::Attributes;
use super::entry::{BatchEntry, Content as State, Link};
use super::options::ItemOptions;
use super::owners::{Known, OwnerNames};
use crate::Id;
use crate::chunking::ChunkList;
use crate::errors::{Error, Result};
use crate::index::{ChunkIndex, ChunkTable};
use crate::items::acl::{Acl, Holder};
use crate::items::{Field, Value, write_map};
use crate::memory;
use crate::modes;
use crate::times::recorded;

const PERMISSIONS: u32 = 0o7777;

/// A few items take this much.
const ITEM_BYTES: usize = 256;

impl FileBatch {
    /// The items of a range of entries; those that failed are left out.
    pub fn encode(&mut self, start: usize, stop: usize, owners: &OwnerNames, chunks: &ChunkIndex) -> Result<Vec<u8>> {
        let stop = stop.min(self.entries.len());
        let entries = &mut self.entries[start.min(stop)..stop];
        {
            let mut index = chunks.lock();
            for entry in entries.iter() {
                complete(entry, &mut self.chunks, &mut index)?;
            }
        }
        let owners = owners.lock();
        let mut out = memory::buffer(entries.len() * ITEM_BYTES);
        let mut path = Vec::new();
        for entry in entries.iter().filter(|entry| entry.failure().is_none()) {
            path.clear();
            entry.append_archived(&mut path);
            let whole = Extent {
                path: &path,
                content: entry.stored().map(|range| Content::of(&self.chunks, range)),
                part: None,
            };
            entry.encode(&whole, &self.options, &owners, &mut out);
        }
        Ok(out)
    }

    /// A part item of a large entry, with just these chunks.
    pub fn part(
        &self,
        index: usize,
        number: u64,
        list: &ChunkList,
        owners: &OwnerNames,
        chunks: &ChunkIndex,
    ) -> Result<Vec<u8>> {
        let entry = self.entry(index)?;
        if !entry.has_content() {
            return Err(Error::value(format!("entry {index} has no content")));
        }
        let mut list = list.clone();
        let all = 0..list.len();
        find_csizes(&mut list, all.clone(), &mut chunks.lock());
        let part = Extent {
            path: &[&*entry.archived(), format!(".borg_part_{number}").as_bytes()].concat(),
            content: Some(Content::of(&list, all)),
            part: Some(number),
        };
        let mut out = Vec::new();
        entry.encode(&part, &self.options, &owners.lock(), &mut out);
        Ok(out)
    }

    /// (files, size, csize) of the content that has been encoded.
    pub fn totals(&self) -> (u64, u64, u64) {
        let stored = self.entries.iter().filter_map(BatchEntry::stored);
        let contents = stored.map(|range| Content::of(&self.chunks, range));
        contents.fold((0, 0, 0), |(files, size, csize), content| {
            (files + 1, size + sum(content.sizes), csize + sum(content.csizes))
        })
    }

    /// Calls `found` with every owner whose name the items need.
    pub(super) fn each_holder(&self, mut found: impl FnMut(Holder)) {
        if self.options.numeric_ids {
            return;
        }
        let mut last = None;
        for entry in self.entries.iter().filter(|entry| entry.failure().is_none()) {
            let (uid, gid) = (entry.stat.uid, entry.stat.gid);
            // Most have the owners of the one before.
            if last.replace((uid, gid)) != Some((uid, gid)) {
                found(Holder::User(uid));
                found(Holder::Group(gid));
            }
            let acls = [&entry.attributes.acl_access, &entry.attributes.acl_default];
            acls.into_iter().flatten().flat_map(Acl::holders).for_each(&mut found);
        }
    }
}

/// The chunks of one item.
#[derive(Clone, Copy)]
struct Content<'a> {
    ids: &'a [Id],
    sizes: &'a [u32],
    csizes: &'a [u32],
}

impl<'a> Content<'a> {
    fn of(chunks: &'a ChunkList, range: Range<usize>) -> Self {
        Self {
            ids: &chunks.ids[range.clone()],
            sizes: &chunks.sizes[range.clone()],
            csizes: &chunks.csizes[range],
        }
    }
}

/// What of a file an item holds: all of it, or the part of this number.
struct Extent<'a> {
    path: &'a [u8],
    content: Option<Content<'a>>,
    part: Option<u64>,
}

impl BatchEntry {
    fn encode(&self, extent: &Extent, options: &ItemOptions, owners: &Known, out: &mut Vec<u8>) {
        let Extent { path, content, part } = *extent;
        // Borg reads these after the content, so parts go without.
        let none = Attributes::default();
        let attributes = if part.is_some() { &none } else { &self.attributes };
        let acl = |acl: &Option<Acl>| {
            let name = |holder| owners.name(holder).filter(|_| !options.numeric_ids).cloned();
            acl.as_ref().map(|acl| acl.to_text(name))
        };
        let (acl_access, acl_default) = (acl(&attributes.acl_access), acl(&attributes.acl_default));
        let time = |nanoseconds: i64| Some(Value::Int(recorded(nanoseconds)));
        let name = |holder| {
            let name = owners.name(holder).filter(|_| !options.numeric_ids);
            Some(name.map_or(Value::Nil, |name| Value::Raw(name)))
        };
        let mode = if self.special {
            modes::FILE | self.stat.mode & PERMISSIONS
        } else {
            self.stat.mode
        };
        let source = match &self.link {
            Link::Slave { source } => Some(source),
            _ => attributes.target.as_ref(),
        };
        let flags = attributes.flags;
        let is_device = matches!(self.kind, b'c' | b'b') && !self.special;
        let fields: [(&[u8], Option<Value>); 19] = [
            (b"acl_access", acl_access.as_deref().map(Value::Raw)),
            (b"acl_default", acl_default.as_deref().map(Value::Raw)),
            (b"atime", time(self.stat.atime).filter(|_| options.atime)),
            (b"bsdflags", (flags != 0).then_some(Value::Uint(flags.into()))),
            (
                b"chunks",
                content.map(|Content { ids, sizes, csizes }| Value::Chunks { ids, sizes, csizes }),
            ),
            (b"ctime", time(self.stat.ctime).filter(|_| options.ctime)),
            (b"gid", Some(Value::Uint(self.stat.gid.into()))),
            (b"group", name(Holder::Group(self.stat.gid))),
            (
                b"hardlink_master",
                (self.may_be_linked() && !self.is_slave()).then_some(Value::Bool(self.stat.nlink > 1)),
            ),
            (b"mode", Some(Value::Uint(mode.into()))),
            (b"mtime", time(self.stat.mtime)),
            (b"part", part.map(Value::Uint)),
            (b"path", Some(Value::Raw(path))),
            (b"rdev", is_device.then_some(Value::Uint(self.stat.rdev))),
            (b"size", content.map(|content| Value::Uint(sum(content.sizes)))),
            (b"source", source.map(|source| Value::Raw(source))),
            (b"uid", Some(Value::Uint(self.stat.uid.into()))),
            (b"user", name(Holder::User(self.stat.uid))),
            (
                b"xattrs",
                (!attributes.xattrs.is_empty()).then_some(Value::Xattrs(&attributes.xattrs)),
            ),
        ];
        let mut present: [Field; 19] = [(b"", Value::Nil); 19];
        let found = fields.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let count = present.iter_mut().zip(found).map(|(place, field)| *place = field).count();
        write_map(out, &mut present[..count]);
    }
}

/// Looks up the stored sizes of what was read.
fn complete(entry: &BatchEntry, chunks: &mut ChunkList, index: &mut ChunkTable) -> Result<()> {
    match &entry.content {
        State::Stored { chunks: range, was_read } => {
            if *was_read {
                find_csizes(chunks, range.clone(), index);
            }
            Ok(())
        }
        State::Nothing | State::Failed(_) => Ok(()),
        State::Listed | State::Unchanged(_) | State::Chunks(_) | State::Large | State::Arriving | State::Bereft => Err(
            Error::value("an entry has not been read, or its chunks have not been claimed"),
        ),
    }
}

/// Fills in the stored sizes that the index knows.
fn find_csizes(chunks: &mut ChunkList, range: Range<usize>, index: &mut ChunkTable) {
    for (id, csize) in chunks.ids[range.clone()].iter().zip(&mut chunks.csizes[range]) {
        if let Some((_, _, known)) = index.get(id) {
            *csize = known;
        }
    }
}

fn sum(sizes: &[u32]) -> u64 {
    sizes.iter().copied().map(u64::from).sum()
}
