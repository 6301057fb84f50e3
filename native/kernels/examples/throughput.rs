//! Throughput of the kernels on one batch of chunks: `cargo run --release -p vinculum-kernels --example throughput`.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

use vinculum_kernels::checksums::crc32;
use vinculum_kernels::chunking::{ChunkBatch, Chunker, ChunkerParams};
use vinculum_kernels::compression::Compressor;
use vinculum_kernels::crypto::{Cipher, Opener, Sealer, aes256_ctr};
use vinculum_kernels::errors::Result;
use vinculum_kernels::hashing::IdHasher;
use vinculum_kernels::memory::Shared;

const CHUNK: usize = 2 << 20;
const CHUNKS: usize = 8;
const ROUNDS: usize = 20;
/// Messages of a mix as a backup brings them: as many of each order of magnitude.
const MIXED: usize = 2000;
const MIXED_BYTES: std::ops::Range<f64> = 100.0..8_388_608.0;
const SMALL: usize = 1024;

/// Time that all threads were on some processor: what a kernel costs, whoever else is on the machine.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn measure<T>(name: &str, bytes: usize, mut work: impl FnMut() -> Result<T>) -> Result<()> {
    // Long rounds are disturbed less, and fewer of them will do.
    let rounds = if bytes > ROUNDS * CHUNK * CHUNKS { 3 } else { ROUNDS };
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let start = cpu_seconds();
        black_box(work()?);
        best = best.min(cpu_seconds() - start);
    }
    println!("{name:<48} {:7.2} GB/s", bytes as f64 / best / 1e9);
    Ok(())
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Half noise, half repetition, in short runs, so that lz4 gains something.
fn mixed(length: usize) -> Vec<u8> {
    let mut bytes = noise(length);
    for run in bytes.chunks_exact_mut(32) {
        run[16..].copy_from_slice(b"some common text");
    }
    bytes
}

/// The beginnings of `data` in lengths that are spread evenly over the orders of magnitude.
fn mix(data: &[u8]) -> Vec<&[u8]> {
    let span = MIXED_BYTES.end / MIXED_BYTES.start;
    // Steps of a large prime, so that neighbours differ.
    let places = (0..MIXED).map(|index| (index * 7919 % MIXED) as f64 / MIXED as f64);
    places
        .map(|place| &data[..(MIXED_BYTES.start * span.powf(place)) as usize])
        .collect()
}

fn main() -> Result<()> {
    let total = CHUNK * CHUNKS;
    println!("{} threads", rayon::current_num_threads());
    let data = noise(total);
    let slices: Vec<&[u8]> = data.chunks(CHUNK).collect();
    let cuts = |name: &str, params, data: &[u8]| {
        let chunker = Chunker::new(params, 12345)?;
        measure(name, data.len(), || Ok(chunker.cut(data)))
    };
    let buzhash = |min_exp, max_exp, mask_bits| ChunkerParams::Buzhash {
        min_exp,
        max_exp,
        mask_bits,
        window: 4095,
    };
    cuts("cut 19,23,21 (skips the minimum)", buzhash(19, 23, 21), &data)?;
    cuts("cut 15,19,17", buzhash(15, 19, 17), &data)?;
    cuts("cut 10,23,22 (hardly skips)", buzhash(10, 23, 22), &data)?;
    measure("crc32", total, || Ok(crc32(&data, 0)))?;
    measure("aes256-ctr, with allocation", total, || aes256_ctr(&[1; 32], &[0; 16], &data))?;
    for (kind, key) in [("sha256", &[][..]), ("hmac-sha256", &[1; 32][..]), ("blake2b", &[1; 128][..])] {
        let hasher = IdHasher::new(kind, key)?;
        measure(&format!("{kind}, one"), total, || Ok(hasher.digest(&data)))?;
        measure(&format!("{kind}, {CHUNKS} on one thread"), total, || {
            Ok(hasher.digest_on_this_thread(&slices))
        })?;
        for few in [2, 3] {
            measure(&format!("{kind}, {few} on one thread"), few * CHUNK, || {
                Ok(hasher.digest_on_this_thread(&slices[..few]))
            })?;
        }
        measure(&format!("{kind}, {CHUNKS} on all threads"), total, || {
            Ok(hasher.digest_many(&slices))
        })?;
        let mix = mix(&data);
        let mix_bytes = mix.iter().map(|message| message.len()).sum();
        measure(&format!("{kind}, {MIXED} of 100 B to 8 MiB"), mix_bytes, || {
            Ok(hasher.digest_many(&mix))
        })?;
        let small: Vec<&[u8]> = data.chunks(SMALL).collect();
        measure(&format!("{kind}, chunks of {SMALL} B"), total, || {
            Ok(hasher.digest_many(&small))
        })?;
    }
    let hasher = IdHasher::new("sha256", &[])?;
    for (content, data) in [("noise", noise(total)), ("mixed", mixed(total))] {
        let chunks = ChunkBatch::of(
            data.chunks(CHUNK).map(|chunk| Shared::from(chunk.to_vec())).collect(),
            &hasher,
        );
        let small = data.chunks(SMALL).map(|chunk| Shared::from(chunk.to_vec()));
        let small = ChunkBatch::of(small.collect(), &hasher);
        let single = ChunkBatch {
            chunks: chunks.chunks[..1].to_vec(),
        };
        for spec in ["none", "lz4", "zstd,3"] {
            for (kind, enc_key, mac_key) in [
                ("none", &[][..], &[][..]),
                ("aes-ctr-hmac-sha256", &[1; 32][..], &[2; 32][..]),
                ("aes-ctr-blake2b", &[1; 32][..], &[2; 128][..]),
            ] {
                let sealer = Sealer::new(3, Cipher::new(kind, enc_key, mac_key)?, Compressor::new(spec)?);
                let name = format!("{content} {spec} {kind}");
                measure(&format!("seal {name}"), total, || sealer.seal(&chunks, 0))?;
                measure(&format!("seal {name}, one chunk"), CHUNK, || sealer.seal(&single, 0))?;
                measure(&format!("seal {name}, chunks of {SMALL} B"), total, || sealer.seal(&small, 0))?;
                let sealed = sealer.seal(&chunks, 0)?;
                let objects: Vec<Shared> = (0..sealed.len()).filter_map(|index| sealed.object(index)).collect();
                let objects: Vec<&[u8]> = objects.iter().map(|object| &**object).collect();
                let opener = Opener::new(&[3], Cipher::new(kind, enc_key, mac_key)?, None);
                measure(&format!("open {name}"), total, || opener.open_many(&objects, sealed.ids()))?;
            }
        }
    }
    Ok(())
}
