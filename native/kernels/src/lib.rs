//! The native kernels of vinculum: pure functions and small objects that do one batch each. No Python in here.
//!
//! `unsafe` is denied everywhere but in `sys` (system calls that rustix lacks) and in modules named `simd`.

pub mod batch;
pub mod checksums;
pub mod chunking;
pub mod compaction;
pub mod comparing;
pub mod compression;
pub mod crypto;
pub mod errors;
pub mod files_cache;
pub mod hashing;
pub mod index;
mod interruptions;
pub mod items;
pub mod listing;
pub mod locks;
pub mod memory;
pub mod modes;
mod msgpack;
pub mod parallel;
pub mod pump;
pub mod restoring;
pub mod rpc;
pub mod scanning;
pub mod segments;
pub mod sys;
mod times;
pub mod whole_file;
mod xattrs;
mod zeros;

/// The name of an object: a keyed hash of its plaintext.
pub type Id = [u8; 32];

/// The id of the manifest, which names the archives; its entry begins a segment.
pub(crate) const MANIFEST: Id = [0; 32];

/// An id as people read it.
pub(crate) fn hex(id: &Id) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
