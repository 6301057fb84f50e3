//! Primitives of the msgpack dialect: texts and byte strings are both *raw*, as before msgpack told them apart.
//!
//! | written | length or value |
//! | --- | --- |
//! | a0+n, da u16be, db u32be | raw of up to 31, 65535, more bytes |
//! | 90+n, dc u16be, dd u32be | array of up to 15, 65535, more elements |
//! | 80+n, de u16be, df u32be | map of up to 15, 65535, more entries |
//! | 00..7f, cc, cd, ce, cf and e0..ff, d0..d3 | integers, always the shortest form |
//! | c0, c2, c3 | nil, false, true |
//!
//! Readers also take d9 (raw with an 8 bit length) and c4..c6 (the later binary type) as raw.

use super::item::narrow;
use crate::errors::{Error, Result};

/// How deep arrays and maps may nest; items need three levels.
pub const MAX_DEPTH: usize = 16;

pub fn write_nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

pub fn write_raw(out: &mut Vec<u8>, data: &[u8]) {
    // Nothing that could be packed comes near 4 GiB; readers would refuse it long before.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    write_length(out, length, (0xa0, 32), 0xda, 0xdb);
    out.extend_from_slice(data);
}

pub fn write_array_header(out: &mut Vec<u8>, length: usize) {
    write_length(out, u32::try_from(length).unwrap_or(u32::MAX), (0x90, 16), 0xdc, 0xdd);
}

pub fn write_map_header(out: &mut Vec<u8>, length: usize) {
    write_length(out, u32::try_from(length).unwrap_or(u32::MAX), (0x80, 16), 0xde, 0xdf);
}

fn write_length(out: &mut Vec<u8>, length: u32, fix: (u8, u32), wide: u8, widest: u8) {
    if length < fix.1 {
        out.push(fix.0 | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(wide);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(widest);
        out.extend_from_slice(&length.to_be_bytes());
    }
}

pub fn write_uint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(value as u8);
    } else if let Ok(value) = u8::try_from(value) {
        out.extend_from_slice(&[0xcc, value]);
    } else if let Ok(value) = u16::try_from(value) {
        out.push(0xcd);
        out.extend_from_slice(&value.to_be_bytes());
    } else if let Ok(value) = u32::try_from(value) {
        out.push(0xce);
        out.extend_from_slice(&value.to_be_bytes());
    } else {
        out.push(0xcf);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

pub fn write_int(out: &mut Vec<u8>, value: i64) {
    if let Ok(value) = u64::try_from(value) {
        write_uint(out, value);
    } else if value >= -32 {
        out.push(value as u8);
    } else if let Ok(value) = i8::try_from(value) {
        out.push(0xd0);
        out.extend_from_slice(&value.to_be_bytes());
    } else if let Ok(value) = i16::try_from(value) {
        out.push(0xd1);
        out.extend_from_slice(&value.to_be_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        out.push(0xd2);
        out.extend_from_slice(&value.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// A time stamp: an integer, or raw little-endian two's complement if it needs more than 63 bits.
pub fn write_time(out: &mut Vec<u8>, value: i128) {
    match i64::try_from(value) {
        Ok(value) if value != i64::MIN => write_int(out, value),
        _ => {
            let bits = 128 - value.unsigned_abs().leading_zeros() as usize;
            // 17 bytes suffice for any i128 under this rule.
            let mut bytes = [if value < 0 { 0xff } else { 0 }; 17];
            bytes[..16].copy_from_slice(&value.to_le_bytes());
            write_raw(out, &bytes[..(bits + 9) / 8]);
        }
    }
}

/// What the header at some position says: how long it is, and what follows it.
pub enum Header {
    /// A value whose `payload` bytes follow the header of `length` bytes.
    Scalar { length: usize, payload: usize },
    /// A container whose `values` follow (two per map entry).
    Container { length: usize, values: u64, is_map: bool },
}

/// The header at the start of `data`; None if `data` ends inside it.
#[inline]
pub fn read_header(data: &[u8]) -> Result<Option<Header>> {
    let Some(&first) = data.first() else { return Ok(None) };
    let scalar = |length, payload| Ok(Some(Header::Scalar { length, payload }));
    let container = |length, values, is_map| Ok(Some(Header::Container { length, values, is_map }));
    match first {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => scalar(1, 0),
        0x80..=0x8f => container(1, 2 * u64::from(first & 0x0f), true),
        0x90..=0x9f => container(1, u64::from(first & 0x0f), false),
        0xa0..=0xbf => scalar(1, usize::from(first & 0x1f)),
        0xcc | 0xd0 => scalar(1, 1),
        0xcd | 0xd1 => scalar(1, 2),
        0xca | 0xce | 0xd2 => scalar(1, 4),
        0xcb | 0xcf | 0xd3 => scalar(1, 8),
        0xd4..=0xd8 => scalar(2, 1 << (first - 0xd4)),
        0xc1 => Err(Error::integrity("byte c1 does not begin any msgpack value")),
        // What is left has a length of 1, 2 or 4 bytes after the first byte.
        _ => {
            let width = match first {
                0xc4 | 0xc7 | 0xd9 => 1,
                0xc5 | 0xc8 | 0xda | 0xdc | 0xde => 2,
                _ => 4,
            };
            let Some(digits) = data.get(1..1 + width) else {
                return Ok(None);
            };
            let count = digits.iter().fold(0_u64, |value, &digit| value << 8 | u64::from(digit));
            match first {
                0xdc | 0xdd => container(1 + width, count, false),
                0xde | 0xdf => container(1 + width, 2 * count, true),
                // An extension has a type byte between length and payload.
                0xc7..=0xc9 => scalar(2 + width, count as usize),
                _ => scalar(1 + width, count as usize),
            }
        }
    }
}

/// By first byte: how long the value is, for scalars that need no second byte to tell. 0 for all others.
pub(super) static LENGTHS: [u8; 256] = {
    let mut lengths = [0; 256];
    let mut first = 0;
    while first < 256 {
        lengths[first] = match first {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => 1,
            0xa0..=0xbf => 1 + (first & 0x1f) as u8,
            0xcc | 0xd0 => 2,
            0xcd | 0xd1 => 3,
            0xca | 0xce | 0xd2 => 5,
            0xcb | 0xcf | 0xd3 => 9,
            _ => 0,
        };
        first += 1;
    }
    lengths
};

/// Reads values one after the other out of complete data. Lengths never go beyond the data.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    pub fn position(&self) -> usize {
        self.position
    }

    /// What `later`, which has gone on from here, has read meanwhile.
    pub fn up_to(&self, later: &Self) -> &'a [u8] {
        &self.data[self.position..later.position]
    }

    fn ahead(&self) -> &'a [u8] {
        &self.data[self.position..]
    }

    #[inline]
    fn header(&self) -> Result<Header> {
        read_header(self.ahead())?.ok_or_else(truncated)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let stop = self
            .position
            .checked_add(length)
            .filter(|&stop| stop <= self.data.len())
            .ok_or_else(truncated)?;
        let taken = &self.data[self.position..stop];
        self.position = stop;
        Ok(taken)
    }

    #[inline]
    fn first(&self) -> Result<u8> {
        self.data.get(self.position).copied().ok_or_else(truncated)
    }

    /// True, and past it, if the next value is nil.
    pub fn nil(&mut self) -> Result<bool> {
        let found = self.first()? == 0xc0;
        self.position += usize::from(found);
        Ok(found)
    }

    pub fn bool(&mut self) -> Result<bool> {
        match self.take(1)?[0] {
            0xc2 => Ok(false),
            0xc3 => Ok(true),
            _ => Err(Error::integrity("a boolean was expected")),
        }
    }

    #[inline]
    pub fn raw(&mut self) -> Result<&'a [u8]> {
        let (header, payload) = match *self.ahead() {
            // The two forms that nearly all texts and all ids have.
            [first @ 0xa0..=0xbf, ..] => (1, usize::from(first & 0x1f)),
            [0xda, high, low, ..] => (3, usize::from(high) << 8 | usize::from(low)),
            [0xc4..=0xc6 | 0xd9..=0xdb, ..] => match self.header()? {
                Header::Scalar { length, payload } => (length, payload),
                Header::Container { .. } => return Err(truncated()),
            },
            [] => return Err(truncated()),
            _ => return Err(Error::integrity("a byte string was expected")),
        };
        self.take(header)?;
        self.take(payload)
    }

    /// An integer of any width.
    pub fn int(&mut self) -> Result<i128> {
        let first = self.take(1)?[0];
        Ok(match first {
            0x00..=0x7f => i128::from(first),
            0xe0..=0xff => i128::from(first as i8),
            0xcc..=0xcf => self
                .take(1 << (first - 0xcc))?
                .iter()
                .fold(0, |value, &digit| value << 8 | i128::from(digit)),
            0xd0..=0xd3 => {
                let digits = self.take(1 << (first - 0xd0))?;
                let sign = if digits[0] & 0x80 == 0 { 0 } else { -1 };
                digits.iter().fold(sign, |value, &digit| value << 8 | i128::from(digit))
            }
            _ => return Err(Error::integrity("an integer was expected")),
        })
    }

    /// An integer from 0 to 2^32 - 1, which is what sizes of chunks are.
    #[inline]
    pub fn u32(&mut self) -> Result<u32> {
        let (value, length) = match *self.ahead() {
            [value @ 0x00..=0x7f, ..] => (u32::from(value), 1),
            [0xcc, value, ..] => (u32::from(value), 2),
            [0xcd, a, b, ..] => (u32::from(u16::from_be_bytes([a, b])), 3),
            [0xce, a, b, c, d, ..] => (u32::from_be_bytes([a, b, c, d]), 5),
            _ => return narrow(self.int()?),
        };
        self.position += length;
        Ok(value)
    }

    /// An integer, or the raw form of a big one.
    pub fn time(&mut self) -> Result<i128> {
        if !matches!(self.first()?, 0xa0..=0xbf | 0xc4..=0xc6 | 0xd9..=0xdb) {
            return self.int();
        }
        let digits = self.raw()?;
        let negative = digits.last().is_some_and(|&last| last & 0x80 != 0);
        let sign = if negative { 0xff } else { 0 };
        let mut bytes = [sign; 16];
        let kept = digits.len().min(16);
        bytes[..kept].copy_from_slice(&digits[..kept]);
        let value = i128::from_le_bytes(bytes);
        if digits[kept..].iter().any(|&digit| digit != sign) || (value < 0) != negative {
            return Err(Error::integrity("a time is out of any range"));
        }
        Ok(value)
    }

    /// The number of elements of an array; each takes at least a byte, so it is never more than what is left.
    pub fn array(&mut self) -> Result<usize> {
        self.container(false, 1)
    }

    /// The first key of a map that may go on behind the end of the data.
    pub fn first_key(&mut self) -> Option<&'a [u8]> {
        match self.header().ok()? {
            Header::Container {
                length, is_map: true, ..
            } => self.take(length).ok()?,
            _ => return None,
        };
        self.raw().ok()
    }

    /// The number of entries of a map.
    pub fn map(&mut self) -> Result<usize> {
        self.container(true, 2)
    }

    #[inline]
    fn container(&mut self, wanted: bool, values_each: u64) -> Result<usize> {
        match self.header()? {
            Header::Container { length, values, is_map } if is_map == wanted => {
                self.take(length)?;
                if values > (self.data.len() - self.position) as u64 {
                    return Err(truncated());
                }
                Ok((values / values_each) as usize)
            }
            _ => Err(Error::integrity(if wanted {
                "a map was expected"
            } else {
                "an array was expected"
            })),
        }
    }

    /// The packed bytes of the next value, whatever it is.
    #[inline]
    pub fn skip(&mut self) -> Result<&'a [u8]> {
        match LENGTHS[usize::from(self.first()?)] {
            0 => self.skip_any(),
            length => self.take(length.into()),
        }
    }

    fn skip_any(&mut self) -> Result<&'a [u8]> {
        let start = self.position;
        let mut stack = [0_u64; MAX_DEPTH];
        let mut depth = 0;
        loop {
            match self.header()? {
                Header::Scalar { length, payload } => {
                    self.take(length)?;
                    self.take(payload)?;
                }
                Header::Container { length, values, .. } => {
                    self.take(length)?;
                    if values > 0 {
                        *stack.get_mut(depth).ok_or_else(too_deep)? = values;
                        depth += 1;
                        continue;
                    }
                }
            }
            while depth > 0 {
                stack[depth - 1] -= 1;
                if stack[depth - 1] > 0 {
                    break;
                }
                depth -= 1;
            }
            if depth == 0 {
                return Ok(&self.data[start..self.position]);
            }
        }
    }
}

pub fn truncated() -> Error {
    Error::integrity("a msgpack value is cut short")
}

pub fn too_deep() -> Error {
    Error::integrity("msgpack values are nested too deeply")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(write: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn integers_take_the_shortest_form_and_come_back() {
        for (value, first, length) in [
            (0_i64, 0x00, 1),
            (127, 0x7f, 1),
            (128, 0xcc, 2),
            (255, 0xcc, 2),
            (256, 0xcd, 3),
            (65536, 0xce, 5),
            (1 << 32, 0xcf, 9),
            (-1, 0xff, 1),
            (-32, 0xe0, 1),
            (-33, 0xd0, 2),
            (-129, 0xd1, 3),
            (-32769, 0xd2, 5),
            (i64::MIN, 0xd3, 9),
        ] {
            let data = packed(|out| write_int(out, value));
            assert_eq!((data[0], data.len()), (first, length), "{value}");
            assert_eq!(Reader::new(&data).int().ok(), Some(i128::from(value)));
        }
    }

    #[test]
    fn big_times_are_raw_little_endian() {
        for value in [
            i128::from(i64::MAX),
            1 << 63,
            1 << 64,
            i128::from(i64::MIN),
            i128::from(i64::MIN) - 1,
            i128::MAX,
            i128::MIN,
        ] {
            let data = packed(|out| write_time(out, value));
            assert_eq!(Reader::new(&data).time().ok(), Some(value));
        }
        assert_eq!(packed(|out| write_time(out, 1 << 63)), [0xa9, 0, 0, 0, 0, 0, 0, 0, 0x80, 0]);
        assert_eq!(
            packed(|out| write_time(out, -1 << 63)),
            [0xa9, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff]
        );
    }

    #[test]
    fn claimed_lengths_beyond_the_data_are_errors() {
        for data in [
            &[0xdd, 0xff, 0xff, 0xff, 0xff][..],
            &[0xdf, 0xff, 0xff, 0xff, 0xff, 0],
            &[0xdb, 0xff, 0xff, 0xff, 0xff],
            &[0xa5, 1],
        ] {
            assert!(Reader::new(data).array().is_err());
            assert!(Reader::new(data).map().is_err());
            assert!(Reader::new(data).raw().is_err());
            assert!(Reader::new(data).skip().is_err());
        }
    }

    #[test]
    fn nesting_is_limited() {
        let mut deep = vec![0x91; MAX_DEPTH + 1];
        deep.push(0);
        assert!(Reader::new(&deep).skip().is_err());
        assert!(Reader::new(&deep[1..]).skip().is_ok());
    }
}
