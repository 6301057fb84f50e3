//! Putting files back: where they go (`target`), what belongs to them (`attributes`), many of them at a time (`batch`); or only
//! reading what they would be made of (`rehearsal`).

mod attributes;
mod batch;
mod outcome;
mod rehearsal;
mod target;

pub use attributes::Wanted;
pub use batch::{Action, Entry, Restorer, Troubles, content_ids, restore};
pub use outcome::Trouble;
pub use rehearsal::ContentPlan;

use rustix::fd::BorrowedFd;
use rustix::fs::{SeekFrom, ioctl_getflags, ioctl_setflags, seek};
use rustix::io::{Errno, write};

use crate::errors::{Error, Result};
use crate::memory::Shared;
use crate::scanning::{flags_from_inode, flags_to_inode};
use crate::zeros::leading_zeros;

/// The part of a mode that says what kind of file it is, and one of the kinds.
const FORMAT: i64 = 0o170_000;
const DIRECTORY: i64 = 0o040_000;

/// Writes chunks at the file's position, seeking over all-zero ones if `sparse`; returns how many bytes they cover. A file that
/// ends in a hole gets its size from the caller.
pub fn write_chunks(fd: BorrowedFd<'_>, chunks: &[Shared], sparse: bool) -> Result<u64> {
    let mut covered = 0;
    for chunk in chunks {
        if sparse && is_zero(chunk) {
            let length = i64::try_from(chunk.len()).map_err(|_| Error::value("a chunk is too long"))?;
            retry(|| seek(fd, SeekFrom::Current(length)))?;
        } else {
            write_all(fd, chunk)?;
        }
        covered += chunk.len() as u64;
    }
    Ok(covered)
}

fn write_all(fd: BorrowedFd<'_>, data: &[u8]) -> Result<()> {
    let mut rest = data;
    while !rest.is_empty() {
        let written = retry(|| write(fd, rest))?;
        if written == 0 {
            return Err(Error::os(Errno::IO, None));
        }
        rest = &rest[written..];
    }
    Ok(())
}

fn is_zero(data: &[u8]) -> bool {
    leading_zeros(data) == data.len()
}

/// BSD flags of an open file, 0 if the file system knows none.
pub fn get_flags(fd: BorrowedFd<'_>) -> Result<u32> {
    match ioctl_getflags(fd) {
        Ok(inode) => Ok(flags_from_inode(inode)),
        Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => Ok(0),
        Err(error) => Err(Error::os(error, None)),
    }
}

/// Sets the flags that `flags` can express and leaves all others alone.
pub fn set_flags(fd: BorrowedFd<'_>, flags: u32) -> Result<()> {
    let current = ioctl_getflags(fd).map_err(|error| Error::os(error, None))?;
    let wanted = flags_to_inode(current, flags);
    if wanted != current {
        ioctl_setflags(fd, wanted).map_err(|error| Error::os(error, None))?;
    }
    Ok(())
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result.map_err(|error| Error::os(error, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zeros_are_zero() {
        assert!(is_zero(&[]) && is_zero(&[0]) && is_zero(&[0; 1000]));
        for place in [0, 1, 500, 999] {
            let mut data = [0; 1000];
            data[place] = 1;
            assert!(!is_zero(&data));
        }
        assert!(!is_zero(&[7; 1000]));
    }
}
