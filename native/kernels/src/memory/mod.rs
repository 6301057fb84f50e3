//! Shared immutable bytes: the currency between kernels (`shared`). And the pool their larger buffers come from and go back to.

mod pool;
mod shared;

pub use pool::{buffer, buffer_if_possible, copy, discard_idle, keep_idle, recycle, scratch_buffer};
pub use shared::Shared;
