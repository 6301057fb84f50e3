//! Decompression. Every input is possible here, so every length is checked and all growth is bounded.

use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress};
use liblzma::stream::{Action, Stream};

use super::methods::rest_of;
use super::{LZ4, LZMA, MOST_EXPANSION, NONE, OBFUSCATE, ZSTD};
use crate::errors::{Error, Result};
use crate::memory::{self, Shared};
use crate::segments::MAX_DATA;

/// Holds any normal chunk. Memory that is not needed is not touched: that takes longer than to unpack a manifest.
const LZ4_WORK_BYTES: usize = 8 * 1024 * 1024;
/// Few lz4 blocks become longer than that many times their length. What those become is measured first.
const LZ4_USUAL_EXPANSION: usize = 4;
/// The highest level needs half of it; some is taken as soon as a stream says so.
const LZMA_MEMORY: u64 = 128 * 1024 * 1024;
const FIRST_GUESS: usize = 64 * 1024;

thread_local! {
    static LZ4_OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ZSTD_CONTEXT: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The plaintext of a compressed chunk.
pub fn decompress(stored: &[u8]) -> Result<Vec<u8>> {
    match packing(stored)? {
        (Packing::None, body) => Ok(memory::copy(body)),
        (packing, body) => unpack(packing, body, limit(body)),
    }
}

/// The same; a chunk that was only stored keeps its memory.
pub fn decompress_shared(stored: &Shared) -> Result<Shared> {
    match packing(stored)? {
        (Packing::None, body) => {
            // The body is a part of `stored`, not necessarily its end: padding may follow.
            let start = body.as_ptr().addr() - stored.as_ptr().addr();
            Ok(stored.slice(start..start + body.len()))
        }
        (packing, body) => unpack(packing, body, limit(body)).map(Shared::from),
    }
}

/// How long a plaintext may be that was packed to this.
fn limit(body: &[u8]) -> usize {
    body.len().saturating_mul(MOST_EXPANSION).max(MAX_DATA)
}

#[derive(Clone, Copy)]
enum Packing {
    None,
    Lz4,
    Lzma,
    Zstd,
    Zlib,
}

/// How the chunk is packed and the packed bytes, any obfuscation taken off.
fn packing(stored: &[u8]) -> Result<(Packing, &[u8])> {
    let mut rest = stored;
    loop {
        let Some((&header, body)) = rest.split_first_chunk::<2>() else {
            return Err(damaged("too short for a compression header"));
        };
        let packing = match header {
            NONE => Packing::None,
            LZ4 => Packing::Lz4,
            LZMA => Packing::Lzma,
            ZSTD => Packing::Zstd,
            OBFUSCATE => {
                let inner = body.split_first_chunk::<4>().and_then(|(&length, inner)| {
                    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
                    inner.get(..length)
                });
                rest = inner.ok_or_else(|| damaged("obfuscated chunk is cut off"))?;
                continue;
            }
            [method, _] if method & 0x0f == 8 && u16::from_be_bytes(header) % 31 == 0 => return Ok((Packing::Zlib, rest)),
            [method, variant] => return Err(damaged(&format!("unknown compression method {method:02x}{variant:02x}"))),
        };
        return Ok((packing, body));
    }
}

fn unpack(packing: Packing, body: &[u8], limit: usize) -> Result<Vec<u8>> {
    match packing {
        Packing::None => Ok(memory::copy(body)),
        Packing::Lz4 => lz4(body, limit),
        Packing::Lzma => lzma(body, limit),
        Packing::Zstd => zstd(body, limit),
        Packing::Zlib => zlib(body, limit),
    }
}

fn lz4(body: &[u8], limit: usize) -> Result<Vec<u8>> {
    LZ4_OUTPUT.with_borrow_mut(|output| {
        let usual = body
            .len()
            .saturating_mul(LZ4_USUAL_EXPANSION)
            .clamp(FIRST_GUESS, LZ4_WORK_BYTES);
        output.resize(output.len().max(usual), 0);
        if let Some(length) = lz4_into(body, output) {
            check_length(length as u64, limit)?;
            return Ok(memory::copy(&output[..length]));
        }
        // Either damaged or longer than usual: the length follows from the sequences.
        let length = lz4_length(body).ok_or_else(|| damaged("lz4 block is malformed"))?;
        if length <= output.len() {
            return Err(damaged("lz4 block is malformed"));
        }
        check_length(length as u64, limit)?;
        let mut plain = memory::scratch_buffer(length);
        match lz4_into(body, &mut plain) {
            Some(written) if written == length => Ok(plain),
            _ => Err(damaged("lz4 block is malformed")),
        }
    })
}

fn lz4_into(body: &[u8], output: &mut [u8]) -> Option<usize> {
    let size = i32::try_from(output.len()).ok()?;
    i32::try_from(body.len()).ok()?;
    lz4::block::decompress_to_buffer(body, Some(size), output).ok()
}

/// The plaintext length of an lz4 block, None if its sequences do not end where the block does.
fn lz4_length(body: &[u8]) -> Option<usize> {
    let mut bytes = body.iter();
    let mut total = 0_usize;
    loop {
        let token = *bytes.next()?;
        let literals = lz4_count(token >> 4, &mut bytes)?;
        total = total.checked_add(literals)?;
        if literals > bytes.len() {
            return None;
        }
        if literals == bytes.len() {
            return Some(total);
        }
        // Past the literals and the offset of the match.
        bytes.nth(literals + 1)?;
        total = total.checked_add(lz4_count(token & 15, &mut bytes)? + 4)?;
    }
}

/// A length that begins in a token and goes on as long as bytes are 255.
fn lz4_count(nibble: u8, bytes: &mut std::slice::Iter<'_, u8>) -> Option<usize> {
    let mut count = usize::from(nibble);
    if nibble == 15 {
        loop {
            let more = *bytes.next()?;
            count += usize::from(more);
            if more != 255 {
                break;
            }
        }
    }
    Some(count)
}

fn zstd(body: &[u8], limit: usize) -> Result<Vec<u8>> {
    let malformed = || damaged("zstd frame is malformed");
    let length = match zstd::zstd_safe::get_frame_content_size(body) {
        Ok(Some(length)) => check_length(length, limit)?,
        Ok(None) => return Err(damaged("zstd frame without content size")),
        Err(_) => return Err(malformed()),
    };
    ZSTD_CONTEXT.with_borrow_mut(|slot| {
        let context = match slot {
            Some(context) => context,
            None => slot.insert(zstd::bulk::Decompressor::new()?),
        };
        let mut plain = memory::buffer(length);
        match context.decompress_to_buffer(body, &mut plain) {
            Ok(written) if written == length => Ok(plain),
            _ => Err(malformed()),
        }
    })
}

fn zlib(body: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut decoder = Decompress::new(true);
    let mut plain = Vec::with_capacity(first_guess(body, limit));
    loop {
        let before = (decoder.total_in(), decoder.total_out());
        let status = decoder.decompress_vec(rest_of(body, before.0), &mut plain, FlushDecompress::None);
        match status {
            Ok(flate2::Status::StreamEnd) => return check_length(plain.len() as u64, limit).map(|_| plain),
            Ok(_) if plain.len() == plain.capacity() => grow(&mut plain, limit)?,
            Ok(_) if (decoder.total_in(), decoder.total_out()) != before => {}
            Ok(_) => return Err(damaged("zlib stream is cut off")),
            Err(_) => return Err(damaged("zlib stream is malformed")),
        }
    }
}

fn lzma(body: &[u8], limit: usize) -> Result<Vec<u8>> {
    let malformed = |_| damaged("lzma stream is malformed");
    let mut decoder = Stream::new_auto_decoder(LZMA_MEMORY, 0).map_err(malformed)?;
    let mut plain = Vec::with_capacity(first_guess(body, limit));
    loop {
        let before = (decoder.total_in(), decoder.total_out());
        let status = decoder
            .process_vec(rest_of(body, before.0), &mut plain, Action::Finish)
            .map_err(malformed)?;
        match status {
            liblzma::stream::Status::StreamEnd => return check_length(plain.len() as u64, limit).map(|_| plain),
            _ if plain.len() == plain.capacity() => grow(&mut plain, limit)?,
            _ if (decoder.total_in(), decoder.total_out()) != before => {}
            _ => return Err(damaged("lzma stream is cut off")),
        }
    }
}

fn first_guess(body: &[u8], limit: usize) -> usize {
    body.len().saturating_mul(4).max(FIRST_GUESS).min(limit + 1)
}

/// More room, but only for one byte beyond the limit: enough to see that it is passed, and for a decoder to reach its end.
fn grow(plain: &mut Vec<u8>, limit: usize) -> Result<()> {
    check_length(plain.len() as u64, limit)?;
    plain.reserve_exact(plain.len().min(limit + 1 - plain.len()));
    Ok(())
}

fn check_length(length: u64, limit: usize) -> Result<usize> {
    usize::try_from(length)
        .ok()
        .filter(|&length| length <= limit)
        .ok_or_else(|| damaged("plaintext too long"))
}

fn damaged(reason: &str) -> Error {
    Error::integrity(format!("decompression failed: {reason}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::compression::Compressor;

    #[test]
    fn plaintext_ends_at_the_limit() {
        for spec in ["lz4", "zlib", "zlib,0", "lzma", "zstd"] {
            for length in [1_000_usize, 100_000, 9 << 20] {
                let stored = Compressor::new(spec).unwrap().compress(&vec![7; length]).unwrap().to_vec();
                let (packing, body) = packing(&stored).unwrap();
                assert_eq!(unpack(packing, body, length).unwrap(), vec![7; length], "{spec}");
                assert!(
                    matches!(unpack(packing, body, length - 1), Err(Error::Integrity(_))),
                    "{spec}"
                );
            }
        }
    }

    #[test]
    fn lz4_length_is_known_without_unpacking() {
        for length in [0, 1, 12, 13, 300, 100_000] {
            let plain: Vec<u8> = (0..length).map(|i: u32| (i / 100) as u8).collect();
            let body = lz4::block::compress(&plain, None, false).unwrap();
            assert_eq!(lz4_length(&body), Some(plain.len()));
            assert_eq!(lz4_length(&body[..body.len() - 1]), None);
        }
    }
}
