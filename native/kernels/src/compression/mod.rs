//! Compressed chunks as they lie inside an envelope: a header that says how, then the compressed bytes.
//!
//! | first bytes | method | rest |
//! | --- | --- | --- |
//! | 00 00 | none | plaintext |
//! | 01 00 | lz4 | one raw block, no length |
//! | 02 00 | lzma | xz container without check; lzma-alone is understood too |
//! | 03 00 | zstd | one frame that tells its content size |
//! | 04 00 | obfuscate | u32be n, n bytes of a compressed chunk with its own header, padding |
//! | x8 yy | zlib | zlib stream including these two bytes, a multiple of 31 |
//!
//! What is unpacked is limited to what may have been packed, whatever the compressed bytes promise: `MAX_DATA`, which is as
//! much as chunkers make, or beyond it `MOST_EXPANSION` times what is stored, for the manifest of very many archives. Nothing
//! that this is needed for compresses better, as ids are noise.

mod choice;
mod compressor;
mod methods;
mod padding;
mod spec;
mod unpack;

pub use compressor::{Compressed, Compressor};
pub use unpack::{decompress, decompress_shared};

/// The header of what is stored as it is.
pub(crate) const NONE: [u8; 2] = [0, 0];
const LZ4: [u8; 2] = [1, 0];
const LZMA: [u8; 2] = [2, 0];
const ZSTD: [u8; 2] = [3, 0];
const OBFUSCATE: [u8; 2] = [4, 0];

/// How many times as long as its compressed form a plaintext may be if it is longer than any chunk.
const MOST_EXPANSION: usize = 32;
