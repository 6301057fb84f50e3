//! Giving a restored file its owner, mode, ACLs, extended attributes, times and flags, in the order that keeps them all.
//!
//! Owner first, because a change of owner clears set-user-id bits and capabilities; flags last, because an immutable file takes
//! nothing more.

use std::ffi::{CStr, CString};
use std::os::fd::AsRawFd;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat, fchmod, fchown, fsetxattr,
    futimens, lsetxattr, openat, utimensat,
};
use rustix::io::Errno;

use crate::items::acl::{Acl, Named};
use crate::items::{Item, OwnerIds};
use crate::modes;

use super::outcome::{Trouble, number};
use super::set_flags;
use super::target::Place;

const ACL_ACCESS: &CStr = c"system.posix_acl_access";
const ACL_DEFAULT: &CStr = c"system.posix_acl_default";
const SECOND_NS: i128 = 1_000_000_000;

/// What a user wants back.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub numeric_ids: bool,
    pub acls: bool,
    pub xattrs: bool,
    pub flags: bool,
}

/// Restores attributes. Thread-safe.
pub struct Attributes {
    wanted: Wanted,
    owners: RwLock<OwnerIds>,
}

/// What attributes are given to.
enum File<'a> {
    Open(BorrowedFd<'a>),
    /// A name in a directory, which is never followed if it is a symlink.
    Named(&'a Place),
}

impl Attributes {
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            owners: RwLock::default(),
        }
    }

    pub fn change_owners(&self, change: impl FnOnce(&mut OwnerIds)) {
        change(&mut self.owners.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub fn owners(&self) -> RwLockReadGuard<'_, OwnerIds> {
        self.owners.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a file that is open. An error if its mode or an ACL cannot be set; `warn` hears what else could not.
    pub fn restore_open(&self, item: &Item, fd: BorrowedFd<'_>, warn: &mut Vec<Trouble>) -> Result<(), Trouble> {
        self.restore(item, &File::Open(fd), warn)
    }

    /// The same for a directory.
    pub fn restore_directory(&self, item: &Item, place: &Place, warn: &mut Vec<Trouble>) -> Result<(), Trouble> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match openat(place.dirfd(), &*place.name, flags, Mode::empty()) {
            Ok(fd) => self.restore_open(item, fd.as_fd(), warn),
            // It was here before, and may not be read.
            Err(Errno::ACCESS) if place.kind()? == FileType::Directory => self.restore(item, &File::Named(place), warn),
            Err(error) => Err(error.into()),
        }
    }

    /// The same for a symlink, fifo or device that was just created.
    pub fn restore_special(&self, item: &Item, place: &Place, warn: &mut Vec<Trouble>) -> Result<(), Trouble> {
        self.restore(item, &File::Named(place), warn)
    }

    fn restore(&self, item: &Item, file: &File, warn: &mut Vec<Trouble>) -> Result<(), Trouble> {
        let mode = item.mode.unwrap_or_default();
        let is_symlink = modes::kind(mode) == modes::SYMLINK;
        let owners = self.owners();
        let (uid, gid) = owners.of(item, self.wanted.numeric_ids);
        // Only root may give files away.
        let _ = file.change_owner(uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        if !is_symlink {
            file.change_mode(Mode::from_bits_retain((mode & 0o7777) as u32))?;
            if self.wanted.acls {
                self.restore_acls(item, file, &owners)?;
            }
        }
        drop(owners);
        if self.wanted.xattrs {
            for (name, value) in item.xattrs.iter().flatten() {
                let set = match CString::new(name.as_slice()) {
                    Ok(attribute) => file.set_attribute(&attribute, value.as_deref().unwrap_or_default()),
                    Err(_) => Err(Errno::INVAL),
                };
                if let Err(error) = set {
                    warn.push(Trouble::Attribute(name.clone(), number(error)));
                }
            }
        }
        let mtime = item.mtime.unwrap_or_default();
        if let (Some(last_access), Some(last_modification)) = (timespec(item.atime.unwrap_or(mtime)), timespec(mtime)) {
            // Some file systems keep no times on symlinks.
            let _ = file.change_times(&Timestamps {
                last_access,
                last_modification,
            });
        }
        if self.wanted.flags
            && let Some(flags) = item.bsdflags.filter(|&flags| flags != 0)
        {
            // They need privileges, and a file system that has them.
            let _ = file.change_flags(flags as u32);
        }
        Ok(())
    }

    fn restore_acls(&self, item: &Item, file: &File, owners: &OwnerIds) -> Result<(), Trouble> {
        for (text, attribute) in [(&item.acl_access, ACL_ACCESS), (&item.acl_default, ACL_DEFAULT)] {
            let Some(text) = text.as_ref().filter(|text| !text.is_empty()) else {
                continue;
            };
            let id = |named: Named<'_>| owners.id(named).filter(|_| !self.wanted.numeric_ids);
            let acl = Acl::from_text(text, id).map_err(|error| Trouble::Senseless(error.to_string()))?;
            match file.set_attribute(attribute, &acl.to_xattr()) {
                Ok(()) | Err(Errno::OPNOTSUPP) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl File<'_> {
    fn change_owner(&self, uid: Option<Uid>, gid: Option<Gid>) -> rustix::io::Result<()> {
        match self {
            Self::Open(fd) => fchown(fd, uid, gid),
            Self::Named(place) => chownat(place.dirfd(), &*place.name, uid, gid, AtFlags::SYMLINK_NOFOLLOW),
        }
    }

    /// Never called for symlinks, which have no mode.
    fn change_mode(&self, mode: Mode) -> rustix::io::Result<()> {
        match self {
            Self::Open(fd) => fchmod(fd, mode),
            Self::Named(place) => chmodat(place.dirfd(), &*place.name, mode, AtFlags::empty()),
        }
    }

    fn set_attribute(&self, name: &CStr, value: &[u8]) -> rustix::io::Result<()> {
        match self {
            Self::Open(fd) => fsetxattr(fd, name, value, XattrFlags::empty()),
            Self::Named(place) => {
                let mut path = format!("/proc/self/fd/{}/", place.dirfd().as_raw_fd()).into_bytes();
                path.extend_from_slice(place.name.as_bytes());
                lsetxattr(path, name, value, XattrFlags::empty())
            }
        }
    }

    fn change_times(&self, times: &Timestamps) -> rustix::io::Result<()> {
        match self {
            Self::Open(fd) => futimens(fd, times),
            Self::Named(place) => utimensat(place.dirfd(), &*place.name, times, AtFlags::SYMLINK_NOFOLLOW),
        }
    }

    /// Of what is not open there are no flags to restore: opening a device or a fifo could do anything.
    fn change_flags(&self, flags: u32) -> crate::errors::Result<()> {
        match self {
            Self::Open(fd) => set_flags(*fd, flags),
            Self::Named(_) => Ok(()),
        }
    }
}

fn timespec(time_ns: i128) -> Option<Timespec> {
    Some(Timespec {
        tv_sec: i64::try_from(time_ns.div_euclid(SECOND_NS)).ok()?,
        tv_nsec: time_ns.rem_euclid(SECOND_NS) as i64,
    })
}
