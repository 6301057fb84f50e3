//! Entries as they are, for another segment.

use std::os::fd::BorrowedFd;

use super::window::Window;
use super::{HEADER, HEADER_AND_KEY, Head, damaged};
use crate::errors::Result;
use crate::memory::{self, Shared};

/// The bytes of the entries at these places, ascending (offset, size), end to end. Each must still be what it was when it
/// was found: of this size, and with its CRC.
pub fn copy_entries(fd: BorrowedFd<'_>, places: impl Iterator<Item = (u32, u32)> + Clone) -> Result<Shared> {
    let total = places.clone().map(|(_, size)| size as usize).sum();
    let mut copied = memory::buffer(total);
    let mut places = places.peekable();
    let Some(&(first, _)) = places.peek() else {
        return Ok(Shared::from(copied));
    };
    let mut window = Window::new(fd, u64::from(first));
    for (offset, size) in places {
        let start = copied.len();
        window.seek(u64::from(offset));
        let mut left = size as usize;
        while left > 0 {
            let ahead = window.peek(1)?;
            if ahead.is_empty() {
                return Err(damaged(
                    offset.into(),
                    format_args!("{left} of its {size} bytes are missing at the end of the file"),
                ));
            }
            let length = left.min(ahead.len());
            copied.extend_from_slice(&ahead[..length]);
            window.advance(length);
            left -= length;
        }
        verify(&copied[start..], offset.into())?;
    }
    Ok(Shared::from(copied))
}

fn verify(entry: &[u8], offset: u64) -> Result<()> {
    let Some(header) = entry.first_chunk::<HEADER>().filter(|_| entry.len() >= HEADER_AND_KEY) else {
        return Err(damaged(offset, "it is too short to have a key"));
    };
    let head = Head::parse(header, offset)?;
    if head.size != entry.len() || crc32fast::hash(&entry[4..]) != head.crc {
        return Err(damaged(offset, "wrong checksum"));
    }
    Ok(())
}
