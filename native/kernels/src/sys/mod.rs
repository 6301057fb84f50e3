//! What rustix lacks. With modules named `simd` the only place for `unsafe`: each call says why it is sound.

mod allocator;
mod attributes_at;
mod zone;

pub use allocator::{prefer_large_pages, release_memory, settle_allocator};
pub use attributes_at::{get_xattr_at, has_xattrs_at, list_xattrs_at};
pub use zone::seconds_east;
