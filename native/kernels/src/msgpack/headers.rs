//! How values begin: enough to know where they end.

use crate::errors::{Error, Result};

/// How deep arrays and maps may nest; items need three levels.
pub const MAX_DEPTH: usize = 16;

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
pub static LENGTHS: [u8; 256] = {
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

pub fn truncated() -> Error {
    Error::integrity("a msgpack value is cut short")
}

pub fn too_deep() -> Error {
    Error::integrity("msgpack values are nested too deeply")
}
