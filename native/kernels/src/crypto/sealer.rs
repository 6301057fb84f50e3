//! `Sealer`: compresses, encrypts and authenticates a batch of chunks into segment entries.
//!
//! Chunks are compressed first, on all cores; then every entry has its place in one buffer and is written there, again on all
//! cores. The result does not depend on the number of cores.

use std::borrow::Cow;

use rayon::prelude::*;

use super::cipher::{Cipher, Keys};
use super::sealed::{ENTRY_HEAD, PUT, SealedBatch};
use super::strips::Strips;
use super::{BLOCK, ENCRYPTED_HEAD, MAC, MAX_DATA};
use crate::chunking::{Chunk, ChunkBatch};
use crate::compression::{Compressed, Compressor};
use crate::errors::{Error, Result};
use crate::hashing::Message;
use crate::memory;
use crate::parallel;

/// Makes stored objects. Immutable.
pub struct Sealer {
    type_byte: u8,
    cipher: Cipher,
    compressor: Compressor,
}

/// One entry on its way.
struct Entry<'a> {
    chunk: &'a Chunk,
    compressed: Compressed<'a>,
    iv: u64,
    place: &'a mut [u8],
}

impl Sealer {
    pub fn new(type_byte: u8, cipher: Cipher, compressor: Compressor) -> Self {
        Self {
            type_byte,
            cipher,
            compressor,
        }
    }

    /// How many counters `seal` may use for these chunks at most; 0 without encryption.
    pub fn counters(&self, chunks: &ChunkBatch) -> u64 {
        chunks.chunks.iter().map(|chunk| self.counters_of(chunk)).sum()
    }

    /// Seals all chunks. Each uses counters from its own part of the range that begins with `first_counter`; the parts depend on
    /// plaintext sizes only.
    pub fn seal(&self, chunks: &ChunkBatch, first_counter: u64) -> Result<SealedBatch> {
        let chunks = &chunks.chunks;
        let mut ivs = Vec::with_capacity(chunks.len());
        let mut counter = first_counter;
        for chunk in chunks {
            ivs.push(counter);
            counter = counter
                .checked_add(self.counters_of(chunk))
                .ok_or_else(|| Error::value("the counters of this key are used up"))?;
        }
        let plain_bytes: usize = chunks.iter().map(|chunk| chunk.data.len()).sum();
        let is_parallel = parallel::is_worthwhile(chunks.len(), plain_bytes);

        let compress = |chunk| self.compress(chunk);
        let compressed: Vec<Compressed> = if is_parallel {
            chunks.par_iter().map(compress).collect::<Result<_>>()?
        } else {
            chunks.iter().map(compress).collect::<Result<_>>()?
        };

        let mut starts = Vec::with_capacity(chunks.len() + 1);
        let mut end = 0;
        starts.push(end);
        for one in &compressed {
            end += ENTRY_HEAD + self.overhead() + one.len();
            starts.push(end);
        }
        let mut memory = memory::scratch_buffer(end);
        let mut rest = memory.as_mut_slice();
        let mut entries = Vec::with_capacity(chunks.len());
        for ((chunk, compressed), iv) in chunks.iter().zip(compressed).zip(ivs) {
            let (place, behind) = rest.split_at_mut(ENTRY_HEAD + self.overhead() + compressed.len());
            rest = behind;
            entries.push(Entry {
                chunk,
                compressed,
                iv,
                place,
            });
        }
        if is_parallel {
            let shares = parallel::shares(&mut entries, self.lanes(), |entry| entry.place.len());
            shares.into_par_iter().for_each(|share| self.write(share.items));
        } else {
            self.write(entries.iter_mut().collect());
        }
        for entry in entries {
            if let Cow::Owned(body) = entry.compressed.body {
                memory::recycle(body);
            }
        }
        let ids = chunks.iter().map(|chunk| chunk.id).collect();
        Ok(SealedBatch::new(ids, starts, memory))
    }

    fn counters_of(&self, chunk: &Chunk) -> u64 {
        match self.cipher {
            Cipher::None => 0,
            Cipher::AesCtr(_) => blocks(self.compressor.bound(chunk.data.len())),
        }
    }

    fn compress<'a>(&self, chunk: &'a Chunk) -> Result<Compressed<'a>> {
        let compressed = self.compressor.compress(&chunk.data)?;
        if self.overhead() + compressed.len() > MAX_DATA {
            let size = self.overhead() + compressed.len();
            return Err(Error::value(format!("an object of {size} bytes is too large to be stored")));
        }
        // A counter used twice would reveal plaintext, so this is checked and not believed.
        if !matches!(self.cipher, Cipher::None) && blocks(compressed.len()) > self.counters_of(chunk) {
            return Err(Error::value("a compressed chunk got longer than it ever should"));
        }
        Ok(compressed)
    }

    fn write(&self, entries: Vec<&mut Entry>) {
        match &self.cipher {
            Cipher::None => entries.into_iter().for_each(|entry| self.write_plain(entry)),
            Cipher::AesCtr(keys) => self.write_encrypted(keys, entries),
        }
    }

    fn write_plain(&self, entry: &mut Entry) {
        let Entry { compressed, place, .. } = entry;
        let (head, object) = place.split_at_mut(ENTRY_HEAD);
        object[0] = self.type_byte;
        let (first, rest) = object[1..].split_at_mut(compressed.head.len());
        first.copy_from_slice(&compressed.head);
        let (body, padding) = rest.split_at_mut(compressed.body.len());
        body.copy_from_slice(&compressed.body);
        padding.fill(0);
        let crc = crc_of(object);
        write_head(head, entry.chunk, object.len(), &crc);
    }

    /// Cipher, MAC and CRC go over all entries together, strip by strip.
    fn write_encrypted(&self, keys: &Keys, mut entries: Vec<&mut Entry>) {
        let mut crcs = vec![crc32fast::Hasher::new(); entries.len()];
        let messages = entries.iter_mut().zip(&mut crcs).map(|(entry, crc)| {
            let message = &mut entry.place[ENTRY_HEAD + 1 + MAC..];
            Message {
                length: message.len(),
                pieces: Strips::new(keys, entry.iv, &entry.compressed, message, crc),
            }
        });
        let macs = keys.macs(messages);
        for ((entry, mac), message_crc) in entries.iter_mut().zip(macs).zip(crcs) {
            let (head, object) = entry.place.split_at_mut(ENTRY_HEAD);
            object[0] = self.type_byte;
            object[1..=MAC].copy_from_slice(&mac);
            let mut crc = crc_of(&object[..=MAC]);
            crc.combine(&message_crc);
            write_head(head, entry.chunk, object.len(), &crc);
        }
    }

    /// Bytes of an object that are not payload.
    fn overhead(&self) -> usize {
        match self.cipher {
            Cipher::None => 1,
            Cipher::AesCtr(_) => ENCRYPTED_HEAD,
        }
    }

    fn lanes(&self) -> usize {
        match &self.cipher {
            Cipher::None => 1,
            Cipher::AesCtr(keys) => keys.lanes(),
        }
    }
}

fn crc_of(bytes: &[u8]) -> crc32fast::Hasher {
    let mut crc = crc32fast::Hasher::new();
    crc.update(bytes);
    crc
}

/// Writes the head of a PUT entry; `object_crc` is the CRC of the object alone.
fn write_head(head: &mut [u8], chunk: &Chunk, object_bytes: usize, object_crc: &crc32fast::Hasher) {
    let size = (ENTRY_HEAD + object_bytes) as u32; // at most 20 MiB
    head[4..8].copy_from_slice(&size.to_le_bytes());
    head[8] = PUT;
    head[9..ENTRY_HEAD].copy_from_slice(&chunk.id);
    let mut crc = crc_of(&head[4..]);
    crc.combine(object_crc);
    head[..4].copy_from_slice(&crc.finalize().to_le_bytes());
}

fn blocks(bytes: usize) -> u64 {
    bytes.div_ceil(BLOCK) as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::crypto::Opener;
    use crate::hashing::IdHasher;
    use crate::memory::Shared;

    fn batch(sizes: &[usize], hasher: &IdHasher) -> ChunkBatch {
        let buffers = sizes
            .iter()
            .map(|&size| (0..size).map(|i| (i * i / 7) as u8).collect::<Vec<u8>>());
        ChunkBatch::of(buffers.map(Shared::from).collect(), hasher)
    }

    #[test]
    fn a_batch_is_sealed_as_its_chunks_one_by_one() {
        let hasher = IdHasher::new("sha256", &[]).unwrap();
        let sizes = [0, 1, 14, 15, 100_000, 300_000, 16_384, 5];
        let chunks = batch(&sizes, &hasher);
        for (kind, enc_key, mac_key) in [
            ("none", &[][..], &[][..]),
            ("aes-ctr-hmac-sha256", &[1; 32][..], &[2; 32][..]),
            ("aes-ctr-blake2b", &[1; 32][..], &[2; 128][..]),
        ] {
            for spec in ["none", "lz4", "zlib,1", "obfuscate,250,zstd"] {
                let cipher = || Cipher::new(kind, enc_key, mac_key).unwrap();
                let sealer = Sealer::new(3, cipher(), Compressor::new(spec).unwrap());
                let whole = sealer.seal(&chunks, 1000).unwrap();
                let mut counter = 1000;
                for (index, chunk) in chunks.chunks.iter().enumerate() {
                    let one = ChunkBatch {
                        chunks: vec![chunk.clone()],
                    };
                    let alone = sealer.seal(&one, counter).unwrap();
                    assert_eq!(
                        *whole.entries(index, index + 1),
                        *alone.entries(0, 1),
                        "{kind} {spec} {index}"
                    );
                    counter += sealer.counters(&one);
                }
                assert_eq!(counter, 1000 + sealer.counters(&chunks));
                let objects: Vec<Shared> = (0..whole.len()).map(|index| whole.object(index).unwrap()).collect();
                let slices: Vec<&[u8]> = objects.iter().map(|object| &**object).collect();
                let plains = Opener::new(&[3], cipher(), Some(hasher.clone()))
                    .open_many(&slices, whole.ids())
                    .unwrap();
                for (plain, chunk) in plains.iter().zip(&chunks.chunks) {
                    assert_eq!(**plain, *chunk.data);
                }
            }
        }
    }

    #[test]
    fn counters_never_wrap() {
        let hasher = IdHasher::new("sha256", &[]).unwrap();
        let cipher = Cipher::new("aes-ctr-hmac-sha256", &[1; 32], &[2; 32]).unwrap();
        let sealer = Sealer::new(3, cipher, Compressor::new("none").unwrap());
        let chunks = batch(&[14, 15], &hasher);
        assert_eq!(sealer.counters(&chunks), 3);
        assert!(sealer.seal(&chunks, u64::MAX - 3).is_ok());
        assert!(matches!(sealer.seal(&chunks, u64::MAX - 2), Err(Error::Value(_))));
    }
}
