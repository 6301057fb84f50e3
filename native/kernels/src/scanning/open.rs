//! Opening files without changing their access time and without following symlinks.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ioctl_getflags, openat};
use rustix::io::{Errno, Result};
use rustix::path::Arg;

use super::stat::{Stat, flags_from_inode};

/// Opens for reading. O_NOATIME is tried first: only owners and root may use it.
pub fn open_quietly(dirfd: impl AsFd, name: impl Arg + Copy, flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    match openat(&dirfd, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(&dirfd, name, flags, Mode::empty()),
        result => result,
    }
}

pub fn open_directory(dirfd: impl AsFd, name: impl Arg + Copy) -> Result<OwnedFd> {
    open_quietly(dirfd, name, OFlags::DIRECTORY | OFlags::NOFOLLOW)
}

/// Never blocks, even if the file has been replaced by a fifo.
pub fn open_file(dirfd: impl AsFd, name: impl Arg + Copy) -> Result<OwnedFd> {
    open_quietly(dirfd, name, OFlags::NOFOLLOW | OFlags::NONBLOCK)
}

/// BSD flags of an open regular file or directory, asked for by ioctl only where statx did not tell.
pub fn flags_of_open(fd: impl AsFd, stat: &Stat) -> u32 {
    stat.flags.unwrap_or_else(|| ioctl_getflags(fd).map_or(0, flags_from_inode))
}
