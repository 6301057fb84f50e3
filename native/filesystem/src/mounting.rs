//! What only root may ask the system for: mounting and unmounting without a helper.

use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount as unmount_at};
use vinculum_kernels::errors::{Error, Result};

/// Mounts a FUSE file system; `options` are the kernel's, with the descriptor among them.
pub fn mount_fuse(source: &str, directory: &Path, flags: u32, options: &str) -> Result<()> {
    let options = std::ffi::CString::new(options).map_err(|_| Error::value("mount options must not contain zero bytes"))?;
    mount(
        source,
        directory,
        "fuse",
        MountFlags::from_bits_retain(flags),
        Some(options.as_c_str()),
    )
    .map_err(|error| Error::os(error, Some(directory.to_owned())))
}

/// Unmounts what is mounted on a directory; `lazily` even if it is in use, which takes it out of sight at once.
pub fn unmount(directory: &Path, lazily: bool) -> Result<()> {
    let flags = if lazily { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    unmount_at(directory, flags).map_err(|error| Error::os(error, Some(directory.to_owned())))
}
