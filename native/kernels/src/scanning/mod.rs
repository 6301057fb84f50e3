//! Listing directories: names, and what statx says of each, in the order in which archives hold siblings.
//!
//! Directories are opened relative to their parent and never through a symlink, so a tree that is rearranged while it is walked
//! cannot lead the walk elsewhere. Nothing here reads content or attributes.

mod ahead;
mod listing;
pub mod open;
mod stat;

pub use ahead::{Everything, scan_ahead, scan_directory};
pub use listing::{Entry, Listing, scan_root};
pub use stat::{Stat, flags_from_inode, flags_to_inode};
