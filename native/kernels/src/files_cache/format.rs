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
        out.push(0x92);
        put_id(&mut out, &entry.path_hash);
        out.push(0x95);
        put_unsigned(&mut out, entry.age.into());
        put_unsigned(&mut out, entry.inode);
        put_unsigned(&mut out, entry.size);
        put_time(&mut out, cmtime);
        let ids = records.ids(index);
        put_array(&mut out, ids.len());
        for id in ids {
            put_id(&mut out, id);
        }
    }
    Shared::from(out)
}

fn put_id(out: &mut Vec<u8>, id: &Id) {
    out.extend_from_slice(&[0xda, 0, 32]);
    out.extend_from_slice(id);
}

#[allow(clippy::cast_possible_truncation)]
fn put_array(out: &mut Vec<u8>, length: usize) {
    match length {
        0..=15 => out.push(0x90 | length as u8),
        16..=0xffff => {
            out.push(0xdc);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(0xdd);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

#[allow(clippy::cast_possible_truncation)]
fn put_unsigned(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, value as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// An integer in its shortest form, or raw if it needs more than 63 bits.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn put_time(out: &mut Vec<u8>, value: i128) {
    let bits = 128 - value.unsigned_abs().leading_zeros() as usize;
    if bits > 63 {
        // 17 bytes are possible; the sign goes on in the last.
        let length = (bits + 9) / 8;
        let mut bytes = [if value < 0 { 0xff } else { 0 }; 17];
        bytes[..16].copy_from_slice(&value.to_le_bytes());
        out.push(0xa0 | length as u8);
        out.extend_from_slice(&bytes[..length]);
        return;
    }
    match value {
        0.. => put_unsigned(out, value as u64),
        -0x20..0 => out.push(value as i8 as u8),
        -0x80..-0x20 => out.extend_from_slice(&[0xd0, value as i8 as u8]),
        -0x8000..-0x80 => {
            out.push(0xd1);
            out.extend_from_slice(&(value as i16).to_be_bytes());
        }
        -0x8000_0000..-0x8000 => {
            out.push(0xd2);
            out.extend_from_slice(&(value as i32).to_be_bytes());
        }
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&(value as i64).to_be_bytes());
        }
    }
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
