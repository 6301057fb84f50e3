//! Archives as a file system that reads: trees of inodes, content by ranges, and FUSE as one front of it. No Python in here.
//!
//! `tree` and `growing` turn item streams into compact inode tables, `reading` answers for content, `filesystem` puts archives
//! side by side and lets each be loaded when it is entered. None of them knows FUSE: `fuse` translates, and another front
//! could, too. Nobody in here waits for Python. What has to come from the repository is noted as wanted, and whoever asked is
//! answered when it has been delivered.

pub mod appearance;
pub mod filesystem;
pub mod fuse;
pub mod growing;
pub mod mounting;
pub mod reading;
pub mod tree;

mod ahead;
mod cache;
mod contents;
mod describing;
mod handing;
mod kernel_cache;
mod names;
mod paths;
mod xattrs;

/// What a front tells its clients when something fails: an error number of the system.
pub type Errno = rustix::io::Errno;
