//! Reading objects whose places are known.

use std::os::fd::BorrowedFd;

use super::{HEADER, HEADER_AND_KEY, Head, PUT, damaged, hex, read_at};
use crate::Id;
use crate::errors::{Error, Result};
use crate::memory::{self, Shared};

/// What is read for an entry whose size is not known yet.
const GUESS: usize = 64 * 1024;
/// Entries that are no farther apart than this are read in one go, up to `WINDOW` bytes.
const GAP: u32 = 128 * 1024;
const WINDOW: u32 = 1024 * 1024;

/// A stretch of the file that has been read.
#[derive(Default)]
struct Stretch {
    offset: u64,
    bytes: Vec<u8>,
}

impl Stretch {
    /// The bytes from `offset` on, None if they lie elsewhere.
    fn from(&self, offset: u64) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        self.bytes.get(start..)
    }
}

/// The data of the PUT entries of `ids` at `offsets`, in this order; they are read in the order of the file.
pub fn read_objects(fd: BorrowedFd<'_>, ids: &[Id], offsets: &[u32]) -> Result<Vec<Shared>> {
    if ids.len() != offsets.len() {
        return Err(Error::value(format!("{} ids with {} offsets", ids.len(), offsets.len())));
    }
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_unstable_by_key(|&index| offsets[index]);
    let mut objects = vec![None; ids.len()];
    let mut stretch = Stretch::default();
    for (place, &index) in order.iter().enumerate() {
        let offset = u64::from(offsets[index]);
        if stretch.from(offset).is_none_or(|ahead| ahead.len() < HEADER_AND_KEY) {
            let length = length_to_read(order[place..].iter().map(|&index| offsets[index]));
            stretch.offset = offset;
            stretch.bytes.resize(length, 0);
            let count = read_at(fd, &mut stretch.bytes, offset)?;
            stretch.bytes.truncate(count);
        }
        let ahead = stretch.from(offset).unwrap_or_default();
        objects[index] = Some(read_object(fd, &ids[index], offset, ahead)?);
    }
    Ok(objects.into_iter().flatten().collect())
}

/// How much to read for the first of these ascending offsets and those close behind it.
fn length_to_read(mut offsets: impl Iterator<Item = u32>) -> usize {
    let Some(first) = offsets.next() else { return 0 };
    let mut last = first;
    for offset in offsets {
        if offset - last > GAP || offset - first > WINDOW {
            break;
        }
        last = offset;
    }
    (last - first) as usize + GUESS
}

/// The data of one entry whose first bytes are `ahead`.
fn read_object(fd: BorrowedFd<'_>, id: &Id, offset: u64, ahead: &[u8]) -> Result<Shared> {
    let Some(bytes) = ahead.first_chunk::<HEADER>() else {
        return Err(damaged(offset, "it lies behind the end of the file"));
    };
    let head = Head::parse(bytes, offset)?;
    let mut entry = memory::buffer(head.size);
    entry.extend_from_slice(&ahead[..head.size.min(ahead.len())]);
    if entry.len() < head.size {
        let known = entry.len();
        entry.resize(head.size, 0);
        let count = read_at(fd, &mut entry[known..], offset + known as u64)?;
        if known + count < head.size {
            let missing = head.size - known - count;
            return Err(damaged(
                offset,
                format_args!("{missing} of its {} bytes are missing at the end of the file", head.size),
            ));
        }
    }
    if crc32fast::hash(&entry[4..]) != head.crc {
        return Err(damaged(offset, "wrong checksum"));
    }
    if head.tag != PUT {
        return Err(damaged(offset, format_args!("tag {} instead of a PUT", head.tag)));
    }
    if entry[HEADER..HEADER_AND_KEY] != id[..] {
        return Err(damaged(offset, format_args!("it is not the one of object {}", hex(id))));
    }
    Ok(Shared::from(entry).slice(HEADER_AND_KEY..head.size))
}

/// The sizes of the PUT entries of `ids` at `offsets`, header included. Their data are not looked at.
pub fn entry_sizes(fd: BorrowedFd<'_>, ids: &[Id], offsets: &[u32]) -> Result<Vec<u32>> {
    if ids.len() != offsets.len() {
        return Err(Error::value(format!("{} ids with {} offsets", ids.len(), offsets.len())));
    }
    let mut bytes = [0; HEADER_AND_KEY];
    let mut sizes = Vec::with_capacity(ids.len());
    for (id, &offset) in ids.iter().zip(offsets) {
        let offset = u64::from(offset);
        if read_at(fd, &mut bytes, offset)? < HEADER_AND_KEY {
            return Err(damaged(offset, "it lies behind the end of the file"));
        }
        let Some((header, key)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(damaged(offset, "it has no header"));
        };
        let head = Head::parse(header, offset)?;
        if head.tag != PUT || key != id {
            return Err(damaged(offset, format_args!("it is not the one of object {}", hex(id))));
        }
        // The limit of a plausible size is far below what does not fit.
        sizes.push(u32::try_from(head.size).unwrap_or(u32::MAX));
    }
    Ok(sizes)
}
