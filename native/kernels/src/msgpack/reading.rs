//! `Reader`: values out of bytes that anybody may have written.

use super::headers::{Header, LENGTHS, MAX_DEPTH, read_header, too_deep, truncated};
use crate::errors::{Error, Result};

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

/// An integer as one of fewer bits, if it fits.
pub fn narrow<T: TryFrom<i128>>(value: i128) -> Result<T> {
    T::try_from(value).map_err(|_| Error::integrity(format!("{value} is out of range")))
}
