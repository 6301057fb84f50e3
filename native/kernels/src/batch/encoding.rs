//! Items as bytes of the item stream, and sums over what went into the archive.

use super::FileBatch;
use super::attributes::Attributes;
use super::entry::{BatchEntry, Content, Link};
use super::options::ItemOptions;
use super::owners::{Known, OwnerNames};
use crate::chunking::ChunkList;
use crate::errors::{Error, Result};
use crate::index::{ChunkIndex, ChunkTable};
use crate::items::acl::{Acl, Holder};
use crate::items::{Field, Value, write_map};

/// Borg's largest time: two days before 32 bits of seconds end.
const LAST_TIME: i64 = ((1 << 31) - 1 - 48 * 3600) * 1_000_000_000;
const REGULAR: u32 = 0o100_000;
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
            for entry in entries.iter_mut() {
                entry.complete(&mut index)?;
            }
        }
        let owners = owners.lock();
        let mut out = Vec::with_capacity(entries.len() * ITEM_BYTES);
        for entry in entries {
            if entry.failure().is_none() {
                entry.encode(&self.options, &owners, entry.stored_content(), None, &mut out);
            }
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
        complete(&mut list, &mut chunks.lock());
        let mut out = Vec::new();
        entry.encode(&self.options, &owners.lock(), Some(&list), Some(number), &mut out);
        Ok(out)
    }

    /// (files, size, csize) of the content that has been encoded.
    pub fn totals(&self) -> (u64, u64, u64) {
        let contents = self.entries.iter().filter_map(BatchEntry::stored_content);
        contents.fold((0, 0, 0), |(files, size, csize), list| {
            (files + 1, size + list.size_bytes(), csize + list.csize_bytes())
        })
    }

    /// Calls `found` with every owner whose name the items need.
    pub(super) fn each_holder(&self, mut found: impl FnMut(Holder)) {
        if self.options.numeric_ids {
            return;
        }
        for entry in self.entries.iter().filter(|entry| entry.failure().is_none()) {
            found(Holder::User(entry.stat.uid));
            found(Holder::Group(entry.stat.gid));
            let acls = [&entry.attributes.acl_access, &entry.attributes.acl_default];
            acls.into_iter().flatten().flat_map(Acl::holders).for_each(&mut found);
        }
    }
}

impl BatchEntry {
    /// Looks up the stored sizes of what was read.
    fn complete(&mut self, index: &mut ChunkTable) -> Result<()> {
        match &mut self.content {
            Content::Stored { list, was_read } => {
                if *was_read {
                    complete(list, index);
                }
                Ok(())
            }
            Content::Nothing | Content::Failed(_) => Ok(()),
            Content::Listed | Content::Unchanged(_) | Content::Chunks(_) | Content::Large | Content::Bereft => Err(
                Error::value("an entry has not been read, or its chunks have not been claimed"),
            ),
        }
    }

    /// The chunks; None for entries without content and those that failed.
    fn stored_content(&self) -> Option<&ChunkList> {
        match &self.content {
            Content::Stored { list, .. } => Some(list),
            _ => None,
        }
    }

    fn encode(&self, options: &ItemOptions, owners: &Known, content: Option<&ChunkList>, part: Option<u64>, out: &mut Vec<u8>) {
        let mut path = self.archived();
        if let Some(number) = part {
            path.extend_from_slice(format!(".borg_part_{number}").as_bytes());
        }
        // Borg reads these after the content, so parts go without.
        let none = Attributes::default();
        let attributes = if part.is_some() { &none } else { &self.attributes };
        let acl = |acl: &Option<Acl>| {
            let name = |holder| owners.name(holder).filter(|_| !options.numeric_ids).cloned();
            acl.as_ref().map(|acl| acl.to_text(name))
        };
        let (acl_access, acl_default) = (acl(&attributes.acl_access), acl(&attributes.acl_default));
        let time = |nanoseconds: i64| Some(Value::Int(nanoseconds.clamp(0, LAST_TIME)));
        let name = |holder| {
            let name = owners.name(holder).filter(|_| !options.numeric_ids);
            Some(name.map_or(Value::Nil, |name| Value::Raw(name)))
        };
        let mode = if self.special {
            REGULAR | self.stat.mode & PERMISSIONS
        } else {
            self.stat.mode
        };
        let source = match &self.link {
            Link::Slave { source } => Some(source),
            _ => attributes.target.as_ref(),
        };
        let flags = attributes.flags;
        let is_device = matches!(self.kind, b'c' | b'b') && !self.special;
        let fields: [(&[u8], Option<Value>); 18] = [
            (b"acl_access", acl_access.as_deref().map(Value::Raw)),
            (b"acl_default", acl_default.as_deref().map(Value::Raw)),
            (b"atime", time(self.stat.atime).filter(|_| options.atime)),
            (b"bsdflags", (flags != 0).then_some(Value::Uint(flags.into()))),
            (
                b"chunks",
                content.map(|list| Value::Chunks {
                    ids: &list.ids,
                    sizes: &list.sizes,
                    csizes: &list.csizes,
                }),
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
            (b"path", Some(Value::Raw(&path))),
            (b"rdev", is_device.then_some(Value::Uint(self.stat.rdev))),
            (b"size", content.map(|list| Value::Uint(list.size_bytes()))),
            (b"source", source.map(|source| Value::Raw(source))),
            (b"uid", Some(Value::Uint(self.stat.uid.into()))),
            (b"user", name(Holder::User(self.stat.uid))),
        ];
        let mut fields: Vec<Field> = fields.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        if !attributes.xattrs.is_empty() {
            fields.push((b"xattrs", Value::Xattrs(&attributes.xattrs)));
        }
        write_map(out, &mut fields);
    }
}

/// Fills in the stored sizes that the index knows.
fn complete(list: &mut ChunkList, index: &mut ChunkTable) {
    for (id, csize) in list.ids.iter().zip(&mut list.csizes) {
        if let Some((_, _, known)) = index.get(id) {
            *csize = known;
        }
    }
}
