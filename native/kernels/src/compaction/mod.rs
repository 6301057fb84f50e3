//! What a compaction asks of each entry of a segment: is it still needed, and where does it lie now?
//!
//! Decides and copies, but writes nothing: files, their order and COMMITs are the caller's.

mod moving;
mod shadows;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use moving::{MovedEntries, Source, Target};
pub use shadows::ShadowIndex;
