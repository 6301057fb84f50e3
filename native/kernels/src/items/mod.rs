//! The item stream: Borg's msgpack dialect, items as typed values, streaming decoding, canonical encoding.
//!
//! No file access and no index in here. Invariant: memory is allocated for bytes that have arrived, never for a length that a
//! damaged stream merely claims.

pub mod acl;
mod archive_objects;
mod boundaries;
mod choosing;
mod counting;
mod fields;
mod framing;
mod item;
mod owner_ids;
mod pieces;
mod references;
mod rules;
mod salvage;
mod survey;
mod tally;
mod usage;
mod view;
mod window;

pub use archive_objects::{Candidates, find_archives};
pub use choosing::PathSelector;
pub use counting::{count_items, release_items, release_references};
pub use fields::{Field, Value, write_map};
pub use framing::{ItemFrames, MAX_ITEM_BYTES};
pub use item::{Item, Reference, Xattrs, chunk_entry};
pub use owner_ids::{OwnerIds, OwnerTexts, UnknownOwners};
pub use pieces::{ItemPiece, cut_items};
pub use references::{ItemReferences, find_references};
pub use rules::{Examined, ItemRules};
pub use salvage::{Salvage, Salvaged};
pub use survey::Survey;
pub use tally::ReferenceTally;
pub use usage::ContentUsage;
pub use view::{ItemName, ItemView, PackedChunks, PackedXattrs};
pub use window::{ItemWindow, ItemWindowDecoder};
