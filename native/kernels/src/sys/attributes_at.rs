//! Extended attributes by directory and name (Linux 6.13).
//!
//! They spare a descriptor per file, or the detour over `/proc`, which costs more than all else that an unchanged file needs.

use std::ffi::CStr;
use std::sync::OnceLock;

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::fs::CWD;
use rustix::io::{Errno, Result};

const GETXATTRAT: libc::c_long = 464;
const LISTXATTRAT: libc::c_long = 465;
const AT_SYMLINK_NOFOLLOW: libc::c_int = libc::AT_SYMLINK_NOFOLLOW;

/// `struct xattr_args` of the kernel.
#[repr(C, align(8))]
struct Arguments {
    value: u64,
    size: u32,
    flags: u32,
}

/// Whether the kernel, and whatever filters system calls, lets us.
pub fn has_xattrs_at() -> bool {
    static ANSWERS: OnceLock<bool> = OnceLock::new();
    *ANSWERS.get_or_init(|| matches!(list_xattrs_at(CWD, c".", true, &mut []), Ok(_) | Err(Errno::OPNOTSUPP)))
}

/// The names of the attributes of `name` in a directory, each ended by a zero byte; with an empty buffer just their length.
pub fn list_xattrs_at(dirfd: BorrowedFd<'_>, name: &CStr, follow: bool, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: `name` ends with a zero byte, the buffer is as long as said, and both outlive the call.
    #[allow(unsafe_code)]
    let length = unsafe {
        libc::syscall(
            LISTXATTRAT,
            dirfd.as_raw_fd(),
            name.as_ptr(),
            if follow { 0 } else { AT_SYMLINK_NOFOLLOW },
            buffer.as_mut_ptr(),
            buffer.len(),
        )
    };
    answer(length)
}

/// The value of one attribute; with an empty buffer just its length.
pub fn get_xattr_at(dirfd: BorrowedFd<'_>, name: &CStr, follow: bool, attribute: &CStr, buffer: &mut [u8]) -> Result<usize> {
    let arguments = Arguments {
        value: buffer.as_mut_ptr().expose_provenance() as u64,
        size: u32::try_from(buffer.len()).unwrap_or(u32::MAX),
        flags: 0,
    };
    // SAFETY: both names end with a zero byte, the arguments describe a buffer that outlives the call and is exclusively ours.
    #[allow(unsafe_code)]
    let length = unsafe {
        libc::syscall(
            GETXATTRAT,
            dirfd.as_raw_fd(),
            name.as_ptr(),
            if follow { 0 } else { AT_SYMLINK_NOFOLLOW },
            attribute.as_ptr(),
            &raw const arguments,
            size_of::<Arguments>(),
        )
    };
    answer(length)
}

fn answer(returned: libc::c_long) -> Result<usize> {
    usize::try_from(returned).map_err(|_| {
        let error = std::io::Error::last_os_error();
        Errno::from_io_error(&error).unwrap_or(Errno::IO)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags, XattrFlags, open, setxattr};

    #[test]
    fn attributes_are_found_by_directory_and_name() {
        if !has_xattrs_at() {
            return; // an older kernel: the detour is tested there
        }
        let directory = std::env::temp_dir().join(format!("vinculum-xattrs-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("file"), b"").unwrap();
        std::os::unix::fs::symlink("file", directory.join("link")).unwrap();
        setxattr(directory.join("file"), c"user.colour", b"blue", XattrFlags::empty()).unwrap();
        let opened = open(&directory, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let dirfd = std::os::fd::AsFd::as_fd(&opened);
        let mut buffer = [0; 256];
        let length = list_xattrs_at(dirfd, c"file", false, &mut buffer).unwrap();
        assert!(buffer[..length].split(|&byte| byte == 0).any(|name| name == b"user.colour"));
        let length = get_xattr_at(dirfd, c"link", true, c"user.colour", &mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"blue");
        assert_eq!(
            get_xattr_at(dirfd, c"file", false, c"user.colour", &mut [0; 2]),
            Err(Errno::RANGE)
        );
        assert_eq!(
            get_xattr_at(dirfd, c"file", false, c"user.none", &mut buffer),
            Err(Errno::NODATA)
        );
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
