//! An item as typed fields that still lie where they were read: nothing is copied, so a listing pays only for what it shows.

use crate::chunking::ChunkList;
use crate::errors::{Error, Result};

use super::item::{Item, Reference, Xattrs, chunk_entry};
use super::owner_ids::OwnerTexts;
use crate::msgpack::{Reader, narrow};

/// One archived file. Fields that were absent are None; for `user` and `group`, Some(None) is a stored nil.
#[derive(Clone, Default)]
pub struct ItemView<'a> {
    pub path: &'a [u8],
    pub mode: Option<i64>,
    pub uid: Option<i64>,
    pub gid: Option<i64>,
    pub user: Option<Option<&'a [u8]>>,
    pub group: Option<Option<&'a [u8]>>,
    pub mtime: Option<i128>,
    pub atime: Option<i128>,
    pub ctime: Option<i128>,
    pub birthtime: Option<i128>,
    pub size: Option<u64>,
    pub source: Option<&'a [u8]>,
    pub rdev: Option<u64>,
    pub hardlink_master: Option<bool>,
    pub chunks: Option<PackedChunks<'a>>,
    pub chunks_healthy: Option<PackedChunks<'a>>,
    pub xattrs: Option<PackedXattrs<'a>>,
    pub acl_access: Option<&'a [u8]>,
    pub acl_default: Option<&'a [u8]>,
    pub bsdflags: Option<i64>,
    pub part: Option<i64>,
    /// Key and packed value of every field that this program does not know, as they come: of two with one key the later counts.
    pub unknown: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> ItemView<'a> {
    /// From the packed bytes of one complete map.
    pub fn parse(packed: &'a [u8]) -> Result<Self> {
        let mut item = Self::default();
        let mut has_path = false;
        let mut reader = Reader::new(packed);
        for _ in 0..reader.map()? {
            let key = reader.raw()?;
            has_path |= key == b"path";
            item.parse_field(key, &mut reader).map_err(|error| {
                Error::integrity(format!(
                    "item field {}: {error}",
                    String::from_utf8_lossy(&key[..key.len().min(40)])
                ))
            })?;
        }
        if !has_path {
            return Err(Error::integrity("an item has no path"));
        }
        Ok(item)
    }

    fn parse_field(&mut self, key: &'a [u8], reader: &mut Reader<'a>) -> Result<()> {
        match key {
            b"path" => self.path = reader.raw()?,
            b"mode" => self.mode = Some(narrow(reader.int()?)?),
            b"uid" => self.uid = optional(reader, |reader| narrow(reader.int()?))?,
            b"gid" => self.gid = optional(reader, |reader| narrow(reader.int()?))?,
            b"user" => self.user = Some(optional(reader, Reader::raw)?),
            b"group" => self.group = Some(optional(reader, Reader::raw)?),
            b"mtime" => self.mtime = Some(reader.time()?),
            b"atime" => self.atime = optional(reader, Reader::time)?,
            b"ctime" => self.ctime = optional(reader, Reader::time)?,
            b"birthtime" => self.birthtime = optional(reader, Reader::time)?,
            b"size" => self.size = optional(reader, |reader| narrow(reader.int()?))?,
            b"source" => self.source = optional(reader, Reader::raw)?,
            b"rdev" => self.rdev = optional(reader, |reader| narrow(reader.int()?))?,
            b"hardlink_master" => self.hardlink_master = optional(reader, Reader::bool)?,
            b"chunks" => self.chunks = optional(reader, PackedChunks::parse)?,
            b"chunks_healthy" => self.chunks_healthy = optional(reader, PackedChunks::parse)?,
            b"xattrs" => self.xattrs = optional(reader, PackedXattrs::parse)?,
            b"acl_access" => self.acl_access = optional(reader, Reader::raw)?,
            b"acl_default" => self.acl_default = optional(reader, Reader::raw)?,
            b"bsdflags" => self.bsdflags = optional(reader, |reader| narrow(reader.int()?))?,
            b"part" => self.part = optional(reader, |reader| narrow(reader.int()?))?,
            _ => {
                let packed = reader.skip()?;
                self.unknown.push((key, packed));
            }
        }
        Ok(())
    }

    pub fn owner_texts(&self) -> OwnerTexts<'a> {
        OwnerTexts {
            user: self.user.flatten(),
            group: self.group.flatten(),
            acls: [self.acl_access, self.acl_default],
        }
    }

    /// The same as an item of its own.
    pub fn to_item(&self) -> Item {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        Item {
            path: self.path.to_vec(),
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            user: self.user.map(owned),
            group: self.group.map(owned),
            mtime: self.mtime,
            atime: self.atime,
            ctime: self.ctime,
            birthtime: self.birthtime,
            size: self.size,
            source: owned(self.source),
            rdev: self.rdev,
            hardlink_master: self.hardlink_master,
            chunks: self.chunks.map(PackedChunks::to_list),
            chunks_healthy: self.chunks_healthy.map(PackedChunks::to_list),
            xattrs: self.xattrs.map(PackedXattrs::to_map),
            acl_access: owned(self.acl_access),
            acl_default: owned(self.acl_default),
            bsdflags: self.bsdflags,
            part: self.part,
            unknown: self
                .unknown
                .iter()
                .map(|(key, packed)| (key.to_vec(), packed.to_vec()))
                .collect(),
        }
    }
}

/// What decides whether an item is wanted at all, found without looking at the rest.
pub struct ItemName<'a> {
    pub path: &'a [u8],
    pub is_part: bool,
}

impl<'a> ItemName<'a> {
    /// From the packed bytes of one complete map.
    pub fn parse(packed: &'a [u8]) -> Result<Self> {
        Self::read(&mut Reader::new(packed))
    }

    /// The name of the item that comes next, and past that item.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let (mut path, mut is_part) = (None, false);
        for _ in 0..reader.map()? {
            match reader.raw()? {
                b"path" => path = Some(reader.raw()?),
                b"part" => {
                    is_part = !reader.nil()?;
                    if is_part {
                        reader.skip()?;
                    }
                }
                _ => {
                    reader.skip()?;
                }
            }
        }
        let path = path.ok_or_else(|| Error::integrity("an item has no path"))?;
        Ok(Self { path, is_part })
    }
}

/// A list of chunks that was found well formed.
#[derive(Clone, Copy)]
pub struct PackedChunks<'a> {
    entries: &'a [u8],
    pub count: usize,
    pub size_bytes: u64,
    pub csize_bytes: u64,
}

impl<'a> PackedChunks<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self> {
        let count = reader.array()?;
        let (mut size_bytes, mut csize_bytes) = (0, 0);
        let start = *reader;
        for _ in 0..count {
            let (_, size, csize) = chunk_entry(reader)?;
            size_bytes += u64::from(size);
            csize_bytes += u64::from(csize);
        }
        Ok(Self {
            entries: start.up_to(reader),
            count,
            size_bytes,
            csize_bytes,
        })
    }

    pub fn iter(self) -> impl Iterator<Item = Reference> + use<'a> {
        let mut reader = Reader::new(self.entries);
        // They were parsed before, so none fails.
        (0..self.count).map_while(move |_| chunk_entry(&mut reader).ok())
    }

    /// Equal lists are packed equally if the same program packed them: where this is false nothing is known yet.
    pub fn is_packed_like(self, other: Self) -> bool {
        self.entries == other.entries
    }

    pub fn to_list(self) -> ChunkList {
        let mut list = ChunkList::with_capacity(self.count);
        self.iter().for_each(|(id, size, csize)| list.push(id, size, csize));
        list
    }
}

/// Extended attributes that were found well formed.
#[derive(Clone, Copy)]
pub struct PackedXattrs<'a> {
    entries: &'a [u8],
    count: usize,
}

impl<'a> PackedXattrs<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self> {
        let count = reader.map()?;
        let start = *reader;
        for _ in 0..count {
            attribute(reader)?;
        }
        let entries = start.up_to(reader);
        Ok(Self { entries, count })
    }

    pub fn to_map(self) -> Xattrs {
        let mut reader = Reader::new(self.entries);
        let pairs = (0..self.count).map_while(move |_| attribute(&mut reader).ok());
        pairs
            .map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec)))
            .collect()
    }
}

fn attribute<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], Option<&'a [u8]>)> {
    Ok((reader.raw()?, optional(reader, Reader::raw)?))
}

/// The value, or None for nil, which stands for an absent one.
fn optional<'a, T>(reader: &mut Reader<'a>, read: impl FnOnce(&mut Reader<'a>) -> Result<T>) -> Result<Option<T>> {
    if reader.nil()? { Ok(None) } else { read(reader).map(Some) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn of_any_number_of_unknown_fields_the_last_of_each_name_counts() {
        let mut packed = vec![0xdf];
        packed.extend_from_slice(&(2 * UNKNOWN + 1).to_be_bytes());
        packed.extend_from_slice(b"\xa4path\xa1p");
        for value in [1, 2] {
            for number in 0..UNKNOWN {
                packed.push(0xa4);
                packed.extend_from_slice(&number.to_be_bytes());
                packed.push(value);
            }
        }
        let item = ItemView::parse(&packed).unwrap().to_item();
        assert_eq!(item.unknown.len(), UNKNOWN as usize);
        assert!(item.unknown.values().all(|packed| packed == &[2]));
    }

    /// Comparing each with all others would take minutes.
    const UNKNOWN: u32 = 300_000;

    #[test]
    fn a_name_behind_which_nothing_makes_sense_is_none() {
        for value in [&b"\xdb\xff\xff\xff\xff"[..], b"\xc1", b""] {
            let packed = [b"\x82\xa4path\xa1p\xa4part", value].concat();
            assert!(ItemName::parse(&packed).is_err());
        }
        assert!(ItemName::parse(b"\x82\xa4path\xa1p\xa4part\x01").unwrap().is_part);
        assert!(!ItemName::parse(b"\x82\xa4path\xa1p\xa4part\xc0").unwrap().is_part);
    }
}
