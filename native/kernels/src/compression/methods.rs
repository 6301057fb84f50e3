//! The compressors themselves: plaintext to compressed bytes without our header.
//!
//! Contexts and work space that are expensive to make live as long as their thread.

use std::cell::RefCell;

use flate2::{Compress, Compression, FlushCompress, Status};
use liblzma::stream::{Action, Check, Stream};

use crate::errors::{Error, Result};
use crate::memory;

/// Work space beyond this is given back after use.
const KEPT_BYTES: usize = 32 * 1024 * 1024;

thread_local! {
    static LZ4_OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ZSTD: RefCell<Option<(i32, zstd::bulk::Compressor<'static>)>> = const { RefCell::new(None) };
}

/// What an encoder with a limit wants to be free behind each piece of output, more than it may come to use.
const LZ4_MARGIN: usize = 16;

/// None if the result would not be shorter than the plaintext.
pub(super) fn lz4(plain: &[u8]) -> Result<Option<Vec<u8>>> {
    let failed = |error: std::io::Error| Error::value(format!("lz4 cannot compress this: {error}"));
    lz4::block::compress_bound(plain.len()).map_err(failed)?; // fails if it is too long
    // Of what does not fit in here nobody wants the result; so what turns out to be noise is not even copied.
    let space = plain.len() + LZ4_MARGIN;
    LZ4_OUTPUT.with_borrow_mut(|output| {
        if output.len() < space {
            output.resize(space, 0);
        }
        let length = lz4::block::compress_to_buffer(plain, None, false, &mut output[..space]).unwrap_or(space); // or it does not fit
        let packed = (length < plain.len()).then(|| memory::copy(&output[..length]));
        if output.len() > KEPT_BYTES {
            *output = Vec::new();
        }
        Ok(packed)
    })
}

pub(super) fn zstd(plain: &[u8], level: i32) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::value(format!("zstd cannot compress this: {error}"));
    ZSTD.with_borrow_mut(|slot| {
        let (used_level, compressor) = match slot {
            Some(context) => context,
            None => slot.insert((level, zstd::bulk::Compressor::new(level).map_err(failed)?)),
        };
        if *used_level != level {
            compressor.set_compression_level(level).map_err(failed)?;
            *used_level = level;
        }
        let mut packed = memory::buffer(zstd::zstd_safe::compress_bound(plain.len()));
        compressor.compress_to_buffer(plain, &mut packed).map_err(failed)?;
        Ok(packed)
    })
}

pub(super) fn zlib(plain: &[u8], level: u32) -> Result<Vec<u8>> {
    let packed = deflate(plain, level)?;
    if packed.len() <= plain.len() {
        return Ok(packed);
    }
    // This encoder spends nine bits on most bytes of what does not compress, at its quick levels;
    // stored blocks cost next to nothing.
    let stored = deflate(plain, 0)?;
    Ok(if stored.len() < packed.len() { stored } else { packed })
}

fn deflate(plain: &[u8], level: u32) -> Result<Vec<u8>> {
    let mut encoder = Compress::new(Compression::new(level), true);
    let mut packed = Vec::with_capacity(plain.len() / 2 + 64);
    loop {
        let rest = rest_of(plain, encoder.total_in());
        let status = encoder
            .compress_vec(rest, &mut packed, FlushCompress::Finish)
            .map_err(|error| Error::value(format!("zlib cannot compress this: {error}")))?;
        if status == Status::StreamEnd {
            return Ok(packed);
        }
        packed.reserve(plain.len() / 4 + 64);
    }
}

/// No zlib stream for `size` bytes is longer, whatever the level: static Huffman codes cost up to 9 bits for a byte, stored
/// blocks less.
pub(super) fn zlib_bound(size: usize) -> usize {
    size + size / 8 + size / 64 + 64
}

pub(super) fn lzma(plain: &[u8], level: u32) -> Result<Vec<u8>> {
    let failed = |error: liblzma::stream::Error| Error::value(format!("lzma cannot compress this: {error}"));
    let mut encoder = Stream::new_easy_encoder(level, Check::None).map_err(failed)?;
    let mut packed = Vec::with_capacity(plain.len() / 2 + 128);
    loop {
        let rest = rest_of(plain, encoder.total_in());
        match encoder.process_vec(rest, &mut packed, Action::Finish).map_err(failed)? {
            liblzma::stream::Status::StreamEnd => return Ok(packed),
            _ => packed.reserve(plain.len() / 4 + 128),
        }
    }
}

/// What a stream has not consumed yet.
pub(super) fn rest_of(bytes: &[u8], consumed: u64) -> &[u8] {
    let consumed = usize::try_from(consumed).unwrap_or(bytes.len());
    &bytes[consumed.min(bytes.len())..]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::zlib;

    #[test]
    fn lz4_gives_up_only_what_would_not_get_shorter() {
        // The longer what is repeated, the shorter the result: it lies on either side of the plaintext's length.
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        };
        let noise: Vec<u8> = (0..70_000).map(|_| next()).collect();
        let mut shorter = 0;
        for size in (0..400).step_by(9).chain([4096, 66_000]) {
            for repeated in (0..60).chain([200, 300]).filter(|&length| 2 * length <= size) {
                let mut plain = noise[..size].to_vec();
                plain.copy_within(..repeated, size - repeated);
                let whole = lz4::block::compress(&plain, None, false).unwrap();
                let expected = (whole.len() < plain.len()).then_some(whole);
                shorter += usize::from(expected.is_some());
                assert_eq!(super::lz4(&plain).unwrap(), expected, "{size} {repeated}");
            }
        }
        assert!(shorter > 100, "{shorter}");
    }

    #[test]
    fn what_does_not_compress_is_hardly_longer_as_zlib_stream() {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        for size in [0, 1, 100, 4096, 100_000] {
            let noise: Vec<u8> = (0..size).map(|_| next()).collect();
            for level in 0..=9 {
                let packed = zlib(&noise, level).unwrap();
                assert!(
                    packed.len() <= size + 16 + size / 1000,
                    "{size} bytes at level {level}: {}",
                    packed.len()
                );
            }
        }
    }
}
