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

/// Time that all threads were on some processor: what a kernel costs, whoever else is on the machine.
#[allow(clippy::cast_precision_loss)]
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn measure<T>(name: &str, bytes: usize, mut work: impl FnMut() -> Result<T>) -> Result<()> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
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
        measure(&format!("{kind}, {CHUNKS} on all threads"), total, || {
            Ok(hasher.digest_many(&slices))
        })?;
    }
    let hasher = IdHasher::new("sha256", &[])?;
    for (content, data) in [("noise", noise(total)), ("mixed", mixed(total))] {
        let chunks = ChunkBatch::of(
            data.chunks(CHUNK).map(|chunk| Shared::from(chunk.to_vec())).collect(),
            &hasher,
        );
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
