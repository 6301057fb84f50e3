//! What an item must be like to be worth nobody's attention.

use super::item::{Reference, chunk_entry};
use crate::errors::Result;
use crate::msgpack::Reader;

/// Which fields items may have beside the usual ones, as the manifest lists them. Immutable.
#[derive(Debug, Default)]
pub struct ItemRules {
    further_keys: Vec<Vec<u8>>,
}

/// What an item was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Examined {
    pub is_part: bool,
    /// It has all that items need, nothing that is not known, nothing that was lost before, and its size is that of its chunks.
    pub is_sound: bool,
}

/// How a value has to begin.
#[derive(Clone, Copy)]
enum Form {
    Integer,
    Time,
    Raw,
    Boolean,
    Map,
    Chunks,
    /// Present only in items that lost something.
    Healthy,
}

fn form(key: &[u8]) -> Option<Form> {
    Some(match key {
        b"mode" | b"uid" | b"gid" | b"rdev" | b"bsdflags" | b"part" | b"size" => Form::Integer,
        b"mtime" | b"atime" | b"ctime" | b"birthtime" => Form::Time,
        b"path" | b"user" | b"group" | b"source" | b"acl_access" | b"acl_default" | b"acl_extended" | b"acl_nfs4" => Form::Raw,
        b"hardlink_master" => Form::Boolean,
        b"xattrs" => Form::Map,
        b"chunks" => Form::Chunks,
        b"chunks_healthy" => Form::Healthy,
        _ => return None,
    })
}

impl Form {
    fn fits(self, value: &[u8]) -> bool {
        let Some(&first) = value.first() else { return false };
        let is_integer = matches!(first, 0x00..=0x7f | 0xe0..=0xff | 0xcc..=0xcf | 0xd0..=0xd3);
        let is_raw = matches!(first, 0xa0..=0xbf | 0xc4..=0xc6 | 0xd9..=0xdb);
        match self {
            Self::Integer => is_integer,
            Self::Time => is_integer || is_raw,
            Self::Raw => is_raw,
            Self::Boolean => matches!(first, 0xc2 | 0xc3),
            Self::Map => matches!(first, 0x80..=0x8f | 0xde | 0xdf),
            Self::Chunks | Self::Healthy => false,
        }
    }
}

impl ItemRules {
    pub fn new(further_keys: Vec<Vec<u8>>) -> Self {
        Self { further_keys }
    }

    /// Whether an item may have a field of that name.
    pub fn permit(&self, key: &[u8]) -> bool {
        form(key).is_some() || self.further_keys.iter().any(|further| further == key)
    }

    /// Collects the references of the item that comes next, and judges it. An error is an item that cannot be read at all.
    pub fn examine(&self, reader: &mut Reader, found: &mut Vec<Reference>) -> Result<Examined> {
        let (mut is_part, mut is_sound, mut has_path, mut has_mtime) = (false, true, false, false);
        let (mut size, mut covered) = (None, 0);
        for _ in 0..reader.map()? {
            let key = reader.raw()?;
            match form(key) {
                Some(Form::Chunks) => {
                    if reader.nil()? {
                        is_sound = false;
                        continue;
                    }
                    let known = found.len();
                    for _ in 0..reader.array()? {
                        found.push(chunk_entry(reader)?);
                    }
                    covered = found[known..].iter().map(|&(_, size, _)| i128::from(size)).sum();
                }
                Some(_) if key == b"size" => {
                    if reader.nil()? {
                        continue;
                    }
                    size = Some(reader.int()?);
                }
                Some(form) => {
                    let value = reader.skip()?;
                    let is_nil = value == [0xc0];
                    has_path |= key == b"path";
                    has_mtime |= key == b"mtime";
                    is_part |= key == b"part";
                    is_sound &= form.fits(value) || (is_nil && key != b"path" && key != b"mtime");
                }
                None => {
                    reader.skip()?;
                    is_sound &= self.permit(key);
                }
            }
        }
        is_sound &= has_path && has_mtime && size.is_none_or(|size| size == covered);
        Ok(Examined { is_part, is_sound })
    }
}
