//! Hash indexes in Borg's file format: `RepositoryIndex` (where objects lie) and `ChunkIndex` (how often chunks are used). And
//! `Census` (what nothing refers to), which is never saved.
//!
//! All wrap one generic `Table`, the indexes behind a mutex; nothing here knows files or items, and of segments only what
//! entries they have. The invariant: after the same operations the bytes of an index equal those that Borg would write.

mod census;
mod chunks;
mod places;
mod releasing;
mod replaying;
mod repository;
mod table;
mod usage;

pub use census::Census;
pub use chunks::{ChunkIndex, ChunkTable};
pub use places::{DiskOrder, Located};
pub use releasing::Released;
pub use replaying::Replay;
pub use repository::{Difference, Position, RepositoryIndex, RepositoryTable};
pub use table::AHEAD;
pub use usage::Usage;
