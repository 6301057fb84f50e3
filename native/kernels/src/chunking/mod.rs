//! Cutting content into chunks: the cut rules, the batches that result, and the readers that produce them.
//!
//! Cut positions depend on parameters, seed and content only, never on how the content arrived. They must equal Borg's to the
//! byte, or nothing deduplicates against existing archives.

mod batch;
mod buzhash;
mod cut;
mod cutter;
mod params;
mod reader;
mod recut;
mod simd;
mod sparse;
mod stream;
mod table;

pub use batch::{Chunk, ChunkBatch, ChunkList, Cuts};
pub use params::{Chunker, ChunkerParams};
pub use reader::FileReader;
pub use recut::recut;
pub use stream::StreamChunker;
