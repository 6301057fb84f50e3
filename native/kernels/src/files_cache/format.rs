//! The file: concatenated msgpack records in Borg's dialect.
//!
//! ```text
//! [path_hash raw 32, [age, inode, size, cmtime, [chunk id raw 32, ...]]]
//! ```
//!
//! `cmtime` may be raw: a little-endian two's complement integer of any length, for what needs more than 63 bits.

use super::records::Records;
use crate::Id;
use crate::errors::{Error, Result};
use crate::memory::{self, Shared};
use crate::msgpack::{write_array_header, write_raw, write_time, write_uint};

/// A record of one chunk takes about this much.
const RECORD_BYTES: usize = 95;
const ID_BYTES: usize = 35;

/// The records of a files cache, every age raised by one.
pub fn parse(data: &[u8]) -> Result<Records> {
    let expected = data.len() / RECORD_BYTES;
    let mut records = Records::with_capacity(expected, expected);
    let mut ids = Vec::new();
    let mut reader = Reader { data, at: 0 };
    while reader.at < data.len() {
        reader.array_of(2)?;
        let path_hash = reader.id()?;
        reader.array_of(5)?;
        let age = u32::try_from(reader.unsigned()?).unwrap_or(u32::MAX);
        let inode = reader.unsigned()?;
        let size = reader.unsigned()?;
        let cmtime = reader.time()?;
        ids.clear();
        for _ in 0..reader.array()? {
            ids.push(reader.id()?);
        }
        records.set(&path_hash, age.saturating_add(1), inode, size, cmtime, ids.iter().copied());
    }
    Ok(records)
}

/// The bytes of those records whose age and cmtime `keep` wants.
pub fn pack(records: &Records, keep: impl Fn(u32, i128) -> bool) -> Shared {
    let mut out = memory::buffer(records.len() * (RECORD_BYTES - ID_BYTES) + records.id_count() * ID_BYTES);
    for (index, entry) in records.entries().iter().enumerate() {
        let cmtime = records.cmtime(index);
        if !keep(entry.age, cmtime) {
            continue;
        }
        write_array_header(&mut out, 2);
        write_raw(&mut out, &entry.path_hash);
        write_array_header(&mut out, 5);
        write_uint(&mut out, entry.age.into());
        write_uint(&mut out, entry.inode);
        write_uint(&mut out, entry.size);
        write_time(&mut out, cmtime);
        let ids = records.ids(index);
        write_array_header(&mut out, ids.len());
        for id in ids {
            write_raw(&mut out, id);
        }
    }
    Shared::from(out)
}

/// Reads the few msgpack types that occur; every failure names the offset.
struct Reader<'data> {
    data: &'data [u8],
    at: usize,
}

impl<'data> Reader<'data> {
    fn wrong(&self, at: usize, what: &str) -> Error {
        Error::integrity(format!("files cache: {what} at byte {at} of {}", self.data.len()))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.data[self.at..].first_chunk() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(self.wrong(self.at, "unexpected end")),
        }
    }

    fn tag(&mut self) -> Result<u8> {
        self.take::<1>().map(|[tag]| tag)
    }

    /// The length of an array.
    fn array(&mut self) -> Result<usize> {
        let start = self.at;
        match self.tag()? {
            tag @ 0x90..=0x9f => Ok(usize::from(tag & 0x0f)),
            0xdc => Ok(u16::from_be_bytes(self.take()?).into()),
            0xdd => Ok(u32::from_be_bytes(self.take()?) as usize),
            _ => Err(self.wrong(start, "no array")),
        }
    }

    fn array_of(&mut self, length: usize) -> Result<()> {
        let start = self.at;
        if self.array()? == length {
            Ok(())
        } else {
            Err(self.wrong(start, "no record"))
        }
    }

    fn raw(&mut self) -> Result<&'data [u8]> {
        let start = self.at;
        let length = match self.tag()? {
            tag @ 0xa0..=0xbf => usize::from(tag & 0x1f),
            0xd9 => self.take::<1>()?[0].into(),
            0xda => u16::from_be_bytes(self.take()?).into(),
            0xdb => u32::from_be_bytes(self.take()?) as usize,
            _ => return Err(self.wrong(start, "no raw bytes")),
        };
        let Some(bytes) = self.data[self.at..].get(..length) else {
            return Err(self.wrong(start, "unexpected end"));
        };
        self.at += length;
        Ok(bytes)
    }

    fn id(&mut self) -> Result<Id> {
        let start = self.at;
        self.raw()?.try_into().map_err(|_| self.wrong(start, "no id"))
    }

    fn integer(&mut self) -> Result<i128> {
        let start = self.at;
        Ok(match self.tag()? {
            tag @ 0..=0x7f => tag.into(),
            tag @ 0xe0..=0xff => tag.cast_signed().into(),
            0xcc => u8::from_be_bytes(self.take()?).into(),
            0xcd => u16::from_be_bytes(self.take()?).into(),
            0xce => u32::from_be_bytes(self.take()?).into(),
            0xcf => u64::from_be_bytes(self.take()?).into(),
            0xd0 => i8::from_be_bytes(self.take()?).into(),
            0xd1 => i16::from_be_bytes(self.take()?).into(),
            0xd2 => i32::from_be_bytes(self.take()?).into(),
            0xd3 => i64::from_be_bytes(self.take()?).into(),
            _ => return Err(self.wrong(start, "no integer")),
        })
    }

    fn unsigned(&mut self) -> Result<u64> {
        let start = self.at;
        u64::try_from(self.integer()?).map_err(|_| self.wrong(start, "a negative number"))
    }

    fn time(&mut self) -> Result<i128> {
        let start = self.at;
        if !matches!(self.data.get(start), Some(0xa0..=0xbf | 0xd9..=0xdb)) {
            return self.integer();
        }
        let raw = self.raw()?;
        let sign = if raw.last().is_some_and(|&last| last >= 0x80) {
            0xff
        } else {
            0
        };
        let mut bytes = [sign; 16];
        let length = raw.len().min(16);
        bytes[..length].copy_from_slice(&raw[..length]);
        let value = i128::from_le_bytes(bytes);
        let is_whole = raw[length..].iter().all(|&byte| byte == sign) && (value < 0) == (sign == 0xff);
        if is_whole {
            Ok(value)
        } else {
            Err(self.wrong(start, "an absurd time"))
        }
    }
}
