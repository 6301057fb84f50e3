//! Putting files back: where they go (`target`), what belongs to them (`attributes`), one of them (`restorer`), many of them
//! at a time (`run`), windows of them (`batch`); or only reading what they would be made of (`rehearsal`).

mod attributes;
mod batch;
mod content;
mod large;
mod outcome;
mod rehearsal;
mod restorer;
mod run;
mod target;

pub use attributes::Wanted;
pub use batch::{Action, Entry, RestoreLine, Troubles, content_ids};
pub use large::{LargeFile, Part};
pub use outcome::Trouble;
pub use rehearsal::ContentPlan;
pub use restorer::Restorer;

use rustix::fd::BorrowedFd;
use rustix::fs::{ioctl_getflags, ioctl_setflags};
use rustix::io::Errno;

use crate::errors::{Error, Result};
use crate::scanning::{flags_from_inode, flags_to_inode};

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
