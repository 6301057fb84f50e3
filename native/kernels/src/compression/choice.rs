//! Which method a compressor chooses for a chunk, compared with the one that it is stored by.

use super::compressor::{Compressor, is_compressible};
use super::spec::Method;
use super::{LZ4, LZMA, NONE, OBFUSCATE, ZSTD};
use crate::errors::Result;

/// A method without its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    None,
    Lz4,
    Lzma,
    Zstd,
    Zlib,
    Obfuscate,
}

impl Compressor {
    /// True if a chunk that is stored under `header` would be stored by another method by this compressor. Levels do not count.
    pub fn chooses_other(&self, header: [u8; 2], plain: &[u8]) -> Result<bool> {
        let stored = Family::of_header(header);
        if stored != Some(Family::None) && family(&self.0).is_some() && !matches!(self.0, Method::Auto(_)) {
            // Only what is not compressible would be stored by a method that is not the compressor's own.
            return Ok(stored != family(&self.0));
        }
        Ok(stored != chosen(&self.0, plain)?)
    }
}

/// The method that the compressor tries for this chunk, or `None` if it finds that useless.
fn chosen(method: &Method, plain: &[u8]) -> Result<Option<Family>> {
    match method {
        Method::Lz4 | Method::Lzma(_) | Method::Zstd(_) => Ok(stored_by(method, plain)?),
        // Nothing is said here about whether the expensive method will be better in the end.
        Method::Auto(inner) if is_compressible(plain)? => Ok(family(inner)),
        Method::Auto(_) => stored_by(&Method::Lz4, plain),
        _ => Ok(family(method)),
    }
}

fn stored_by(method: &Method, plain: &[u8]) -> Result<Option<Family>> {
    let compressed = Compressor(method.clone()).compress(plain)?;
    Ok(compressed.head.first_chunk().copied().and_then(Family::of_header))
}

/// What a method stores where it does what its name says; nothing is ever stored as `auto`.
fn family(method: &Method) -> Option<Family> {
    Some(match method {
        Method::None => Family::None,
        Method::Lz4 => Family::Lz4,
        Method::Lzma(_) => Family::Lzma,
        Method::Zstd(_) => Family::Zstd,
        Method::Zlib(_) => Family::Zlib,
        Method::Obfuscate(..) => Family::Obfuscate,
        Method::Auto(_) => return None,
    })
}

impl Family {
    fn of_header(header: [u8; 2]) -> Option<Self> {
        match header {
            NONE => Some(Self::None),
            LZ4 => Some(Self::Lz4),
            LZMA => Some(Self::Lzma),
            ZSTD => Some(Self::Zstd),
            OBFUSCATE => Some(Self::Obfuscate),
            [method, _] if method & 0x0f == 8 => Some(Self::Zlib),
            _ => None,
        }
    }
}
