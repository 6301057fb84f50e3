//! Hash indexes in Borg's file format: `RepositoryIndex` (where objects lie) and `ChunkIndex` (how often chunks are used).
//!
//! Both wrap one generic `Table` behind a mutex; nothing here knows files, segments' content or items.
//! The invariant: after the same operations the bytes equal those that Borg would write.

mod census;
mod chunks;
mod repository;
mod table;

pub use census::Census;
pub use chunks::{ChunkIndex, ChunkTable, Released, Usage};
pub use repository::{Difference, DiskOrder, Located, Position, Replay, RepositoryIndex, RepositoryTable};
pub use table::{AHEAD, MAX_VALUE};
