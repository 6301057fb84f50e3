//! What rustix lacks: extended attributes by directory and name (Linux 6.13), local time, and a word with the allocator.
//!
//! The first spare a descriptor per file, or the detour over `/proc`, which costs more than all else that an unchanged file
//! needs.

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

/// How many seconds the local zone is ahead of UTC at a time, given in seconds since 1970 UTC; 0 for what is no time at all.
pub fn seconds_east(time: i64) -> i64 {
    let mut broken_down = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call, and a `tm` of zeros is a valid one. The zone is read under the C library's
    // own lock; nothing in this process changes the environment it comes from while threads run.
    #[allow(unsafe_code)]
    let broken_down = unsafe {
        libc::localtime_r(&raw const time, broken_down.as_mut_ptr());
        broken_down.assume_init()
    };
    broken_down.tm_gmtoff
}

/// Keeps the C library from holding on to memory that was freed. It would learn from the first large buffers to take all of
/// them from its heaps, which then never shrink; `memory` has a pool that makes this needless.
pub fn settle_allocator() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const OPTIONS: [(libc::c_int, libc::c_int); 3] = [
            (libc::M_MMAP_THRESHOLD, 256 << 10),
            (libc::M_TRIM_THRESHOLD, 8 << 20),
            (libc::M_ARENA_MAX, 4),
        ];
        for (option, value) in OPTIONS {
            // SAFETY: may be called at any time; an option that is refused stays as it was.
            #[allow(unsafe_code)]
            unsafe {
                libc::mallopt(option, value);
            }
        }
    }
}

/// Asks the system for few large pages in fresh memory instead of many small ones, each of which would cost a fault.
pub fn prefer_large_pages(memory: &mut Vec<u8>) {
    #[cfg(target_os = "linux")]
    {
        let start = memory.as_mut_ptr().align_offset(PAGE);
        let length = memory.capacity().saturating_sub(start) / PAGE * PAGE;
        if length > 0 {
            // SAFETY: the range is inside of memory that is exclusively ours, and whatever the answer, its content stays.
            #[allow(unsafe_code)]
            unsafe {
                libc::madvise(memory.as_mut_ptr().add(start).cast(), length, libc::MADV_HUGEPAGE);
            }
        }
    }
}

/// Gives back to the system what was freed, for programs that stay after much work.
pub fn release_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: may be called at any time.
    #[allow(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// No system has smaller pages.
const PAGE: usize = 4096;

/// The kernel's limit for an extended attribute and for a list of their names.
const LARGEST_BYTES: usize = 64 << 10;
const FIRST_BYTES: usize = 512;

/// Calls with a small buffer, and with the largest that can be needed if the answer does not fit.
pub fn growing(call: impl Fn(&mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
    let mut small = [0; FIRST_BYTES];
    match call(&mut small) {
        Ok(length) => return Ok(small[..length].to_vec()),
        Err(Errno::RANGE) => {}
        Err(error) => return Err(error),
    }
    let mut buffer = vec![0; LARGEST_BYTES];
    let length = call(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

/// The names of attributes that `list` gives, each ended by a zero byte; none where there are no attributes at all.
pub fn attribute_names(list: impl Fn(&mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
    match growing(list) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Vec::new()),
        names => names,
    }
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
