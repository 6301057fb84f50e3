//! An item as typed fields, from and to its packed map.

use std::collections::BTreeMap;

use crate::Id;
use crate::chunking::ChunkList;
use crate::errors::{Error, Result};

use super::fields::{Field, Value, write_map};
use super::owner_ids::OwnerTexts;
use super::view::ItemView;
use crate::msgpack::Reader;

/// Extended attributes by name; None stands for an empty value.
pub type Xattrs = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// One archived file. Fields that were absent are None; for `user` and `group`, Some(None) is a stored nil.
#[derive(Clone, Default)]
pub struct Item {
    pub path: Vec<u8>,
    pub mode: Option<i64>,
    pub uid: Option<i64>,
    pub gid: Option<i64>,
    pub user: Option<Option<Vec<u8>>>,
    pub group: Option<Option<Vec<u8>>>,
    pub mtime: Option<i128>,
    pub atime: Option<i128>,
    pub ctime: Option<i128>,
    pub birthtime: Option<i128>,
    pub size: Option<u64>,
    pub source: Option<Vec<u8>>,
    pub rdev: Option<u64>,
    pub hardlink_master: Option<bool>,
    pub chunks: Option<ChunkList>,
    pub chunks_healthy: Option<ChunkList>,
    pub xattrs: Option<Xattrs>,
    pub acl_access: Option<Vec<u8>>,
    pub acl_default: Option<Vec<u8>>,
    pub bsdflags: Option<i64>,
    pub part: Option<i64>,
    /// Key and packed value of every field that this program does not know.
    pub unknown: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Item {
    /// From the packed bytes of one complete map.
    pub fn parse(packed: &[u8]) -> Result<Self> {
        ItemView::parse(packed).map(|view| view.to_item())
    }

    /// The same with other content. What is known about lost chunks of the old content stays only if it is cut alike.
    pub fn with_chunks(&self, chunks: ChunkList, is_cut_alike: bool) -> Self {
        Self {
            chunks: Some(chunks),
            chunks_healthy: self.chunks_healthy.clone().filter(|_| is_cut_alike),
            ..self.clone()
        }
    }

    /// The same with these chunks, and with these as the ones that it should have, if they are others.
    pub fn with_content(&self, chunks: ChunkList, healthy: Option<ChunkList>) -> Self {
        Self {
            chunks: Some(chunks),
            chunks_healthy: healthy,
            ..self.clone()
        }
    }

    /// The same as a link to another path.
    pub fn linked_to(&self, source: Vec<u8>) -> Self {
        Self {
            source: Some(source),
            ..self.clone()
        }
    }

    /// A link as the first one: with the content that the archive kept with `first`.
    pub fn in_place_of(&self, first: &Self) -> Self {
        Self {
            source: None,
            chunks: first.chunks.clone(),
            chunks_healthy: first.chunks_healthy.clone(),
            ..self.clone()
        }
    }

    /// The item of some of the file's chunks, as checkpoints have them.
    pub fn as_part(&self, number: i64, chunks: ChunkList) -> Self {
        let mut path = self.path.clone();
        path.extend_from_slice(format!(".borg_part_{number}").as_bytes());
        Self {
            path,
            part: Some(number),
            size: Some(chunks.size_bytes()),
            chunks: Some(chunks),
            ..self.clone()
        }
    }

    pub fn owner_texts(&self) -> OwnerTexts<'_> {
        OwnerTexts {
            user: self.user.as_ref().and_then(Option::as_deref),
            group: self.group.as_ref().and_then(Option::as_deref),
            acls: [self.acl_access.as_deref(), self.acl_default.as_deref()],
        }
    }

    /// Appends the item as a canonical map.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let int = |value: &Option<i64>| value.map(Value::Int);
        let uint = |value: &Option<u64>| value.map(Value::Uint);
        let time = |value: &Option<i128>| value.map(Value::Time);
        let known: [(&[u8], Option<Value>); 21] = [
            (b"acl_access", self.acl_access.as_deref().map(Value::Raw)),
            (b"acl_default", self.acl_default.as_deref().map(Value::Raw)),
            (b"atime", time(&self.atime)),
            (b"birthtime", time(&self.birthtime)),
            (b"bsdflags", int(&self.bsdflags)),
            (b"chunks", self.chunks.as_ref().map(chunks_value)),
            (b"chunks_healthy", self.chunks_healthy.as_ref().map(chunks_value)),
            (b"ctime", time(&self.ctime)),
            (b"gid", int(&self.gid)),
            (
                b"group",
                self.group.as_ref().map(|name| name.as_deref().map_or(Value::Nil, Value::Raw)),
            ),
            (b"hardlink_master", self.hardlink_master.map(Value::Bool)),
            (b"mode", int(&self.mode)),
            (b"mtime", time(&self.mtime)),
            (b"part", int(&self.part)),
            (b"path", Some(Value::Raw(&self.path))),
            (b"rdev", uint(&self.rdev)),
            (b"size", uint(&self.size)),
            (b"source", self.source.as_deref().map(Value::Raw)),
            (b"uid", int(&self.uid)),
            (
                b"user",
                self.user.as_ref().map(|name| name.as_deref().map_or(Value::Nil, Value::Raw)),
            ),
            (b"xattrs", self.xattrs.as_ref().map(Value::Xattrs)),
        ];
        let mut fields: Vec<Field> = known.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        fields.extend(
            self.unknown
                .iter()
                .map(|(key, packed)| (key.as_slice(), Value::Packed(packed))),
        );
        write_map(out, &mut fields);
    }
}

/// One entry of `chunks`: id, size, csize.
pub type Reference = (Id, u32, u32);

pub fn chunk_entry(reader: &mut Reader) -> Result<Reference> {
    if reader.array()? != 3 {
        return Err(Error::integrity("a chunk entry is not (id, size, csize)"));
    }
    let id = reader
        .raw()?
        .try_into()
        .map_err(|_| Error::integrity("a chunk id is not 32 bytes long"))?;
    Ok((id, reader.u32()?, reader.u32()?))
}

fn chunks_value(list: &ChunkList) -> Value<'_> {
    Value::Chunks {
        ids: &list.ids,
        sizes: &list.sizes,
        csizes: &list.csizes,
    }
}
