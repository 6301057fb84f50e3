//! Extended attributes, ACLs, flags and symlink targets of a file, as its item will hold them.

use std::ffi::{CStr, CString};
use std::sync::OnceLock;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::{fgetxattr, flistxattr, getxattr, lgetxattr, listxattr, llistxattr};
use rustix::io::Errno;

use super::entry::{BatchEntry, Failure};
use super::options::ItemOptions;
use crate::items::Xattrs;
use crate::items::acl::Acl;
use crate::sys;
use crate::xattrs;

const ACL_ACCESS: &CStr = c"system.posix_acl_access";
const ACL_DEFAULT: &CStr = c"system.posix_acl_default";
const ACL_PREFIX: &[u8] = b"system.posix_acl_";

/// What a failure to list the names is called.
pub const LISTING: &str = "listxattr";

#[derive(Default)]
pub struct Attributes {
    pub xattrs: Xattrs,
    pub acl_access: Option<Acl>,
    /// Of directories; empty if there is an access ACL only.
    pub acl_default: Option<Acl>,
    pub flags: u32,
    pub target: Option<Vec<u8>>,
    /// Extended attributes that the system would not give, and what it said.
    pub unreadable: Vec<(Vec<u8>, Errno)>,
}

/// How attributes are reached: by descriptor where the file is open, else by name, else by path.
pub enum Access<'a> {
    Open(BorrowedFd<'a>),
    /// A name in an open directory.
    At {
        directory: BorrowedFd<'a>,
        name: &'a CStr,
        follow: bool,
    },
    /// The file itself, even if it is a symlink.
    Path(CString),
    /// What the path leads to.
    Target(CString),
}

impl<'a> Access<'a> {
    /// Needs no open file and yet begins at the listed directory, wherever that has been moved to.
    pub fn by_name(entry: &'a BatchEntry) -> Self {
        let name = entry.name();
        if sys::has_xattrs_at() {
            return Self::At {
                directory: entry.listing.dirfd(),
                name,
                follow: entry.followed,
            };
        }
        Self::by_path(entry, name)
    }

    /// The detour for older kernels.
    fn by_path(entry: &BatchEntry, name: &CStr) -> Self {
        let path = if entry.listing.is_root() {
            name.to_owned()
        } else if proc_is_mounted() {
            let prefix = format!("/proc/self/fd/{}/", entry.listing.dirfd().as_fd().as_raw_fd());
            CString::new([prefix.as_bytes(), name.to_bytes()].concat()).unwrap_or_default()
        } else {
            // A path consists of names, none of which has a zero byte.
            CString::new(entry.walked()).unwrap_or_default()
        };
        if entry.followed {
            Self::Target(path)
        } else {
            Self::Path(path)
        }
    }

    fn list(&self, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        match self {
            Self::Open(fd) => flistxattr(fd, buffer),
            Self::At { directory, name, follow } => sys::list_xattrs_at(*directory, name, *follow, buffer),
            Self::Path(path) => llistxattr(path.as_c_str(), buffer),
            Self::Target(path) => listxattr(path.as_c_str(), buffer),
        }
    }

    fn get(&self, name: &CStr, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        match self {
            Self::Open(fd) => fgetxattr(fd, name, buffer),
            Self::At {
                directory,
                name: file,
                follow,
            } => sys::get_xattr_at(*directory, file, *follow, name, buffer),
            Self::Path(path) => lgetxattr(path.as_c_str(), name, buffer),
            Self::Target(path) => getxattr(path.as_c_str(), name, buffer),
        }
    }

    /// The names of all attributes, each ended by a zero byte.
    pub fn names(&self) -> Result<Vec<u8>, Failure> {
        xattrs::names(|buffer| self.list(buffer)).map_err(Failure::during(LISTING))
    }

    /// The value of an attribute; None if it is gone.
    fn value(&self, name: &CStr) -> rustix::io::Result<Option<Vec<u8>>> {
        match xattrs::value(|buffer| self.get(name, buffer)) {
            Ok(value) => Ok(Some(value)),
            Err(Errno::NODATA) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An ACL; None if there is none, or it is not for us to see.
    fn acl(&self, name: &CStr) -> Result<Option<Acl>, Failure> {
        match self.value(name) {
            Ok(value) => Ok(value.as_deref().and_then(Acl::from_xattr)),
            Err(Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS | Errno::INVAL | Errno::NOSYS) => Ok(None),
            Err(error) => Err(Failure::during("getxattr")(error)),
        }
    }
}

/// Without /proc, as in bare chroots, paths are all there is: then a renamed directory is an error.
fn proc_is_mounted() -> bool {
    static MOUNTED: OnceLock<bool> = OnceLock::new();
    *MOUNTED.get_or_init(|| std::fs::symlink_metadata("/proc/self/fd").is_ok())
}

impl Attributes {
    /// Extended attributes and ACLs. `names` is what `Access::names` gave. A file may do without an attribute, but not without
    /// the ACL that keeps others out.
    pub fn read(access: &Access, names: &[u8], is_directory: bool, mode: u32, options: &ItemOptions) -> Result<Self, Failure> {
        let mut found = Self::default();
        let (mut access_acl, mut default_acl) = (None, None);
        for name in names.split_inclusive(|&byte| byte == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
            if name.to_bytes().starts_with(ACL_PREFIX) {
                if options.acls && name == ACL_ACCESS {
                    access_acl = access.acl(name)?;
                } else if options.acls && name == ACL_DEFAULT && is_directory {
                    default_acl = access.acl(name)?;
                }
            } else if options.xattrs {
                let key = name.to_bytes().to_vec();
                match access.value(name) {
                    Ok(Some(value)) => drop(found.xattrs.insert(key, Some(value).filter(|value| !value.is_empty()))),
                    Ok(None) => {}
                    Err(error) => found.unreadable.push((key, error)),
                }
            }
        }
        default_acl = default_acl.filter(|acl| !acl.is_empty());
        if default_acl.is_some() || access_acl.as_ref().is_some_and(Acl::is_extended) {
            // Borg stores both as soon as there is one: the other is then what the mode bits say, or empty.
            found.acl_access = Some(access_acl.unwrap_or_else(|| Acl::from_mode(mode)));
            found.acl_default = is_directory.then(|| default_acl.unwrap_or_default());
        }
        Ok(found)
    }
}
