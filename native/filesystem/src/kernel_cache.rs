//! Content for the cache of the kernel, which it did not ask for.
//!
//! Storing waits for pages that the kernel is asking for at the same time.
//! So whoever calls this must not be needed for answering.

use std::io::IoSlice;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, Result, writev};
use vinculum_kernels::memory::Shared;

/// `FUSE_NOTIFY_STORE`
const STORE: i32 = 4;
/// The headers of a notice, and of a notice of this kind.
const HEADERS: usize = 16 + 24;
/// The system takes no more pieces of memory at once, and one is for the headers.
const MOST_PARTS: usize = 1024 - 1;

/// Gives the kernel the whole content of an inode. `NOENT` if it does not know, or not remember, the inode.
pub fn store(device: &OwnedFd, inode: u64, parts: &[Shared]) -> Result<()> {
    let size: usize = parts.iter().map(|part| part.len()).sum();
    let headers = headers(inode, size).ok_or(Errno::TOOBIG)?;
    let joined: Vec<u8>;
    let mut slices = vec![IoSlice::new(&headers)];
    if parts.len() <= MOST_PARTS {
        slices.extend(parts.iter().map(|part| IoSlice::new(part)));
    } else {
        joined = parts.iter().flat_map(|part| part.iter().copied()).collect();
        slices.push(IoSlice::new(&joined));
    }
    // It is taken as a whole or not at all.
    writev(device, &slices).map(|_| ())
}

/// `struct fuse_out_header` (length, kind of notice, no request) and `struct fuse_notify_store_out` (inode, offset,
/// size, padding).
fn headers(inode: u64, size: usize) -> Option<[u8; HEADERS]> {
    let mut bytes = [0; HEADERS];
    let size = u32::try_from(size).ok()?;
    let length = size.checked_add(u32::try_from(HEADERS).ok()?)?;
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..8].copy_from_slice(&STORE.to_ne_bytes());
    bytes[16..24].copy_from_slice(&inode.to_ne_bytes());
    bytes[32..36].copy_from_slice(&size.to_ne_bytes());
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, memfd_create};
    use vinculum_kernels::whole_file::read_file;

    #[test]
    fn any_number_of_parts_is_taken_at_once() {
        for count in [1, 1023, 1024, 5000] {
            let device = memfd_create("vinculum-device", MemfdFlags::CLOEXEC).unwrap();
            let parts: Vec<Shared> = (0..count).map(|number| Shared::from(vec![number as u8; 3])).collect();
            store(&device, 5, &parts).unwrap();
            let written = read_file(&device).unwrap();
            assert_eq!(written[..HEADERS], headers(5, 3 * count).unwrap());
            let content: Vec<u8> = parts.iter().flat_map(|part| part.to_vec()).collect();
            assert!(written[HEADERS..] == content, "{count} parts");
        }
    }
}
