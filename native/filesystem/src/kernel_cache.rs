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

/// Gives the kernel the whole content of an inode. `NOENT` if it does not know, or not remember, the inode.
pub fn store(device: &OwnedFd, inode: u64, parts: &[Shared]) -> Result<()> {
    let size: usize = parts.iter().map(|part| part.len()).sum();
    let headers = headers(inode, size).ok_or(Errno::TOOBIG)?;
    let mut slices = vec![IoSlice::new(&headers)];
    slices.extend(parts.iter().map(|part| IoSlice::new(part)));
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
