//! Reading objects whose places are known.

use std::os::fd::BorrowedFd;

use rayon::prelude::*;

use super::{HEADER, HEADER_AND_KEY, Head, PUT, damaged, read_at};
use crate::errors::{Error, Result};
use crate::memory::{self, Shared};
use crate::parallel;
use crate::{Id, hex};

/// What is read for an entry whose size is not known yet.
const GUESS: usize = 64 * 1024;
/// Entries that are no farther apart than this are read in one go, up to `WINDOW` bytes.
const GAP: u32 = 128 * 1024;
const WINDOW: u32 = 1024 * 1024;
/// Memory is kept for objects that take at least one in so many of its bytes.
const LEAST_WANTED: usize = 2;

/// The data of the PUT entries of `ids` at `offsets`, in this order; they are read in the order of the file, several at a time
/// if there is enough to do. The first failure in the file counts.
pub fn read_objects(fd: BorrowedFd<'_>, ids: &[Id], offsets: &[u32]) -> Result<Vec<Shared>> {
    if ids.len() != offsets.len() {
        return Err(Error::value(format!("{} ids with {} offsets", ids.len(), offsets.len())));
    }
    let mut order: Vec<(u32, usize)> = offsets.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let stretches = Stretch::of_entries(&order);
    let read = |stretch: &Stretch| stretch.read(fd, ids);
    let bytes = stretches.iter().map(Stretch::length).sum();
    let found: Vec<Result<Vec<Shared>>> = match parallel::readers() {
        // Not on the cores' own threads, which have what was read before at hand meanwhile.
        Some(readers) if parallel::is_worthwhile(stretches.len(), bytes) => {
            readers.install(|| stretches.par_iter().with_max_len(1).map(read).collect())
        }
        _ => stretches.iter().map(read).collect(),
    };
    let mut objects = vec![None; ids.len()];
    for (stretch, found) in stretches.iter().zip(found) {
        for (&(_, place), object) in stretch.entries.iter().zip(found?) {
            objects[place] = Some(object);
        }
    }
    Ok(objects.into_iter().flatten().collect())
}

/// Entries that lie close together, and are read in one go: offsets, ascending, and places in the batch.
struct Stretch<'a> {
    entries: &'a [(u32, usize)],
}

impl<'a> Stretch<'a> {
    fn of_entries(mut entries: &'a [(u32, usize)]) -> Vec<Self> {
        let mut stretches = Vec::new();
        while let Some(&(first, _)) = entries.first() {
            let mut last = first;
            let close = entries.iter().take_while(|&&(offset, _)| {
                let is_close = offset - last <= GAP && offset - first <= WINDOW;
                last = offset;
                is_close
            });
            let (stretch, rest) = entries.split_at(close.count());
            stretches.push(Self { entries: stretch });
            entries = rest;
        }
        stretches
    }

    /// How much to read at first: in most cases all of it, or the head of one large entry.
    fn length(&self) -> usize {
        let ends = [self.entries.first(), self.entries.last()];
        let [first, last] = ends.map(|entry| entry.map_or(0, |&(offset, _)| offset));
        (last - first) as usize + GUESS
    }

    fn read(&self, fd: BorrowedFd<'_>, ids: &[Id]) -> Result<Vec<Shared>> {
        let start = self.entries.first().map_or(0, |&(offset, _)| u64::from(offset));
        let mut bytes = memory::scratch_buffer(self.length());
        let count = read_at(fd, &mut bytes, start)?;
        bytes.truncate(count);
        let ahead = Shared::from(bytes);
        let entries = self.entries.iter().map(|&(offset, place)| {
            let at = (u64::from(offset) - start) as usize;
            (ahead.get(at..).unwrap_or_default(), at, offset, place)
        });
        let mut wanted = 0;
        let mut before = None;
        for (bytes, _, offset, _) in entries.clone() {
            if before.replace(offset) != Some(offset) {
                wanted += Head::at(bytes, offset.into()).map_or(0, |head| head.size);
            }
        }
        // What is mostly wanted is not copied: the objects share its memory.
        let is_kept = wanted >= ahead.len() / LEAST_WANTED;
        let mut last: Option<(u32, usize, Shared)> = None;
        let objects = entries.map(|(bytes, at, offset, place)| {
            // A chunk may be wanted any number of times; it takes its memory once.
            if let Some((before, other, object)) = &last
                && (*before, &ids[*other]) == (offset, &ids[place])
            {
                return Ok(object.clone());
            }
            let head = Head::at(bytes, offset.into())?;
            let entry = if is_kept && head.size <= bytes.len() {
                ahead.slice(at..at + head.size)
            } else {
                complete(fd, bytes, head, offset.into())?
            };
            head.check(&entry, &ids[place], offset.into())?;
            let object = entry.slice(HEADER_AND_KEY..head.size);
            last = Some((offset, place, object.clone()));
            Ok(object)
        });
        objects.collect()
    }
}

/// The entry that begins with the bytes `ahead`, in memory of its own.
fn complete(fd: BorrowedFd<'_>, ahead: &[u8], head: Head, offset: u64) -> Result<Shared> {
    let known = head.size.min(ahead.len());
    let mut entry = memory::scratch_buffer(head.size);
    entry[..known].copy_from_slice(&ahead[..known]);
    if known < head.size {
        let count = read_at(fd, &mut entry[known..], offset + known as u64)?;
        if known + count < head.size {
            let missing = head.size - known - count;
            return Err(damaged(
                offset,
                format_args!("{missing} of its {} bytes are missing at the end of the file", head.size),
            ));
        }
    }
    Ok(Shared::from(entry))
}

impl Head {
    /// The head of the entry at `offset` that the bytes `ahead` begin with.
    fn at(ahead: &[u8], offset: u64) -> Result<Self> {
        match ahead.first_chunk::<HEADER>() {
            Some(bytes) => Self::parse(bytes, offset),
            None => Err(damaged(offset, "it lies behind the end of the file")),
        }
    }

    /// Whether a whole entry is the PUT of this object, intact.
    fn check(self, entry: &[u8], id: &Id, offset: u64) -> Result<()> {
        if crc32fast::hash(&entry[4..]) != self.crc {
            return Err(damaged(offset, "wrong checksum"));
        }
        if self.tag != PUT {
            return Err(damaged(offset, format_args!("tag {} instead of a PUT", self.tag)));
        }
        if entry[HEADER..HEADER_AND_KEY] != id[..] {
            return Err(damaged(offset, format_args!("it is not the one of object {}", hex(id))));
        }
        Ok(())
    }
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
