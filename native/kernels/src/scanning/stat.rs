//! What is known of a file without opening it.

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, IFlags, Statx, StatxAttributes, StatxFlags, StatxTimestamp, makedev, statx};
use rustix::io::Result;

use crate::modes;

/// BSD's values of the flags that archives store.
pub(super) const NODUMP: u32 = 1;
const IMMUTABLE: u32 = 2;
const APPEND: u32 = 4;

/// The fields of statx that matter; times are nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub dev: u64,
    pub ino: u64,
    pub mode: u32,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u64,
    pub size: u64,
    pub atime: i64,
    pub mtime: i64,
    pub ctime: i64,
    /// BSD flags, None if the file system does not report them this way.
    pub flags: Option<u32>,
}

impl Stat {
    /// Of `name` in a directory, not followed if it is a symlink.
    pub fn of_name(dirfd: impl AsFd, name: impl rustix::path::Arg) -> Result<Self> {
        Self::call(dirfd, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT)
    }

    /// Of what `name` leads to.
    pub fn of_target(dirfd: impl AsFd, name: impl rustix::path::Arg) -> Result<Self> {
        Self::call(dirfd, name, AtFlags::NO_AUTOMOUNT)
    }

    /// Of an open file.
    pub fn of_open(fd: impl AsFd) -> Result<Self> {
        Self::call(fd, c"", AtFlags::EMPTY_PATH)
    }

    fn call(dirfd: impl AsFd, name: impl rustix::path::Arg, at: AtFlags) -> Result<Self> {
        Ok(Self::from(&statx(dirfd, name, at, StatxFlags::BASIC_STATS)?))
    }

    /// One letter: f regular, d directory, l symlink, p fifo, c and b devices, s socket, ? other.
    pub fn kind(&self) -> u8 {
        match self.mode & modes::TYPE {
            modes::FILE => b'f',
            modes::DIRECTORY => b'd',
            modes::SYMLINK => b'l',
            modes::FIFO => b'p',
            modes::CHARACTER_DEVICE => b'c',
            modes::BLOCK_DEVICE => b'b',
            modes::SOCKET => b's',
            _ => b'?',
        }
    }

    pub fn is_same_file(&self, other: &Self) -> bool {
        self.ino == other.ino && self.dev == other.dev && self.kind() == other.kind()
    }
}

impl From<&Statx> for Stat {
    fn from(found: &Statx) -> Self {
        let asked = [
            (StatxAttributes::NODUMP, NODUMP),
            (StatxAttributes::IMMUTABLE, IMMUTABLE),
            (StatxAttributes::APPEND, APPEND),
        ];
        let reported = asked
            .iter()
            .all(|(attribute, _)| found.stx_attributes_mask.contains(*attribute));
        let set = asked
            .iter()
            .filter(|(attribute, _)| found.stx_attributes.contains(*attribute));
        Self {
            dev: makedev(found.stx_dev_major, found.stx_dev_minor),
            ino: found.stx_ino,
            mode: found.stx_mode.into(),
            nlink: found.stx_nlink,
            uid: found.stx_uid,
            gid: found.stx_gid,
            rdev: makedev(found.stx_rdev_major, found.stx_rdev_minor),
            size: found.stx_size,
            atime: nanoseconds(&found.stx_atime),
            mtime: nanoseconds(&found.stx_mtime),
            ctime: nanoseconds(&found.stx_ctime),
            flags: reported.then(|| set.fold(0, |flags, (_, flag)| flags | flag)),
        }
    }
}

/// Times beyond the years 1677 and 2262 saturate; archives cannot hold them anyway.
fn nanoseconds(time: &StatxTimestamp) -> i64 {
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec.into())
}

/// BSD flags from inode flags.
pub fn flags_from_inode(inode: IFlags) -> u32 {
    [
        (IFlags::NODUMP, NODUMP),
        (IFlags::IMMUTABLE, IMMUTABLE),
        (IFlags::APPEND, APPEND),
    ]
    .iter()
    .filter(|(flag, _)| inode.contains(*flag))
    .fold(0, |flags, (_, flag)| flags | flag)
}

/// `inode` with the flags that BSD flags can express taken from `flags`.
pub fn flags_to_inode(inode: IFlags, flags: u32) -> IFlags {
    let mut inode = inode;
    inode.set(IFlags::NODUMP, flags & NODUMP != 0);
    inode.set(IFlags::IMMUTABLE, flags & IMMUTABLE != 0);
    inode.set(IFlags::APPEND, flags & APPEND != 0);
    inode
}
