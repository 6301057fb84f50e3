//! `Compressor`: applies a specification, falls back to storing, and knows in advance how long the result can get.

use std::borrow::Cow;

use super::spec::Method;
use super::{LZ4, LZMA, NONE, OBFUSCATE, ZSTD, methods};
use crate::errors::{Error, Result};
use crate::memory;

/// Length of every header but that of zlib, whose stream brings its own.
const HEADER: usize = 2;
/// Header and length field of `obfuscate`.
const OBFUSCATE_HEADER: usize = 6;
/// `auto` calls data incompressible if lz4 leaves more than this of them, and an expensive method useless likewise.
const COMPRESSIBLE: f64 = 0.97;
const WORTH_IT: f64 = 0.99;

/// A compressed chunk in pieces, so that what need not be copied is not copied.
#[derive(Debug)]
pub struct Compressed<'a> {
    pub head: Vec<u8>,
    pub body: Cow<'a, [u8]>,
    /// This many zeros follow the body.
    pub padding: usize,
}

impl<'a> Compressed<'a> {
    fn stored(plain: &'a [u8]) -> Self {
        Self {
            head: NONE.to_vec(),
            body: Cow::Borrowed(plain),
            padding: 0,
        }
    }

    /// `packed` under its header, or the plaintext if that is not longer.
    fn smaller(plain: &'a [u8], header: [u8; HEADER], packed: Option<Vec<u8>>) -> Self {
        match packed {
            Some(packed) if packed.len() < plain.len() => Self {
                head: header.to_vec(),
                body: Cow::Owned(packed),
                padding: 0,
            },
            longer => {
                memory::recycle(longer.unwrap_or_default());
                Self::stored(plain)
            }
        }
    }

    #[allow(clippy::len_without_is_empty)] // never empty, as it has a header
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len() + self.padding
    }

    pub fn to_vec(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.len());
        whole.extend_from_slice(&self.head);
        whole.extend_from_slice(&self.body);
        whole.resize(self.len(), 0);
        whole
    }
}

/// Compresses chunks by one specification. Immutable.
#[derive(Clone, Debug)]
pub struct Compressor(pub(super) Method);

impl Compressor {
    pub fn new(spec: &str) -> Result<Self> {
        Method::parse(spec).map(Self)
    }

    pub fn compress<'a>(&self, plain: &'a [u8]) -> Result<Compressed<'a>> {
        compress(&self.0, plain)
    }

    /// No chunk of `size` bytes gets longer than this, header and padding included.
    pub fn bound(&self, size: usize) -> usize {
        bound(&self.0, size)
    }
}

fn compress<'a>(method: &Method, plain: &'a [u8]) -> Result<Compressed<'a>> {
    match method {
        Method::None => Ok(Compressed::stored(plain)),
        Method::Lz4 => methods::lz4(plain).map(|packed| Compressed::smaller(plain, LZ4, packed)),
        Method::Lzma(level) => methods::lzma(plain, *level).map(|packed| Compressed::smaller(plain, LZMA, Some(packed))),
        Method::Zstd(level) => methods::zstd(plain, *level).map(|packed| Compressed::smaller(plain, ZSTD, Some(packed))),
        Method::Zlib(level) => methods::zlib(plain, *level).map(|packed| Compressed {
            head: Vec::new(),
            body: Cow::Owned(packed),
            padding: 0,
        }),
        Method::Auto(inner) => auto(inner, plain),
        Method::Obfuscate(padding, inner) => {
            let mut compressed = compress(inner, plain)?;
            let size = compressed.len();
            let field = u32::try_from(size).map_err(|_| Error::value("chunk too large to be obfuscated"))?;
            if compressed.padding > 0 {
                // The padding of an obfuscated chunk inside is part of what counts here.
                let mut body = compressed.body.into_owned();
                body.resize(body.len() + compressed.padding, 0);
                compressed.body = Cow::Owned(body);
            }
            compressed.padding = padding.choose(size)?;
            compressed.head.splice(0..0, OBFUSCATE.into_iter().chain(field.to_be_bytes()));
            Ok(compressed)
        }
    }
}

/// Whether `auto` tries its expensive method on this.
pub(super) fn is_compressible(plain: &[u8]) -> Result<bool> {
    compress(&Method::Lz4, plain).map(|cheap| is_short(&cheap, plain))
}

fn is_short(cheap: &Compressed, plain: &[u8]) -> bool {
    (cheap.len() as f64 / (plain.len() + HEADER) as f64) < COMPRESSIBLE
}

fn auto<'a>(inner: &Method, plain: &'a [u8]) -> Result<Compressed<'a>> {
    let cheap = compress(&Method::Lz4, plain)?;
    if !is_short(&cheap, plain) {
        return Ok(cheap);
    }
    let expensive = compress(inner, plain)?;
    let is_better = (expensive.len() as f64 / cheap.len() as f64) < WORTH_IT;
    Ok(if is_better { expensive } else { cheap })
}

fn bound(method: &Method, size: usize) -> usize {
    match method {
        Method::None | Method::Lz4 | Method::Lzma(_) | Method::Zstd(_) => size + HEADER,
        Method::Zlib(_) => methods::zlib_bound(size),
        // The expensive result is only taken if it is smaller than the cheap one.
        Method::Auto(_) => size + HEADER,
        Method::Obfuscate(padding, inner) => OBFUSCATE_HEADER + padding.bound(bound(inner, size)),
    }
}
