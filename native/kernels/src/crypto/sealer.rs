//! `Sealer`: compresses, encrypts and authenticates a batch of chunks into segment entries.
//!
//! A batch is divided into units, each for one core: its chunks are compressed, then every entry has its place in one buffer
//! and is written there. What comes out does not depend on the units, nor on the number of cores.

use std::borrow::Cow;
use std::sync::Arc;

use rayon::prelude::*;

use super::cipher::{Cipher, Keys};
use super::sealed::{SealedBatch, SealedUnit};
use super::strips::Strips;
use super::{BLOCK, ENCRYPTED_HEAD, MAC};
use crate::chunking::{Chunk, ChunkBatch};
use crate::compression::{Compressed, Compressor};
use crate::errors::{Error, Result};
use crate::hashing::Message;
use crate::memory;
use crate::parallel::{self, Begun};
use crate::segments::{HEADER_AND_KEY, MAX_DATA, PUT};

/// Handing over less to another core costs too much of it.
const LEAST_UNIT: usize = 512 * 1024;

/// Entries up to this size get their checksum in one go.
const JOINED_CRC_BYTES: usize = 16 << 10;

/// Makes stored objects. Immutable.
pub struct Sealer {
    type_byte: u8,
    cipher: Cipher,
    compressor: Compressor,
}

/// What one core seals without a break.
#[derive(Default)]
struct Unit {
    chunks: Vec<Chunk>,
    /// The first counter of each.
    ivs: Vec<u64>,
}

/// Chunks that are being sealed. What is not waited for is sealed in vain.
pub struct Sealing(Vec<Begun<Result<SealedUnit>>>);

impl Sealing {
    /// The stored objects, once they are complete.
    pub fn wait(self) -> Result<SealedBatch> {
        let units: Result<_> = self.0.into_iter().map(Begun::wait).collect();
        units.map(SealedBatch::new)
    }
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

    /// Seals all chunks. Each uses counters from its own part of the range that begins with `first_counter`; the parts depend
    /// on plaintext sizes only.
    pub fn seal(&self, chunks: &ChunkBatch, first_counter: u64) -> Result<SealedBatch> {
        let units = self.units(chunks, first_counter)?;
        let sealed: Vec<Result<SealedUnit>> = if parallel::is_worthwhile(units.len(), chunks.size_bytes()) {
            units.into_par_iter().map(|unit| self.seal_unit(&unit)).collect()
        } else {
            units.iter().map(|unit| self.seal_unit(unit)).collect()
        };
        Ok(SealedBatch::new(sealed.into_iter().collect::<Result<_>>()?))
    }

    /// The same for who goes on meanwhile.
    pub fn begin(self: &Arc<Self>, chunks: &ChunkBatch, first_counter: u64) -> Result<Sealing> {
        let bytes = chunks.size_bytes();
        let units = self.units(chunks, first_counter)?.into_iter();
        let begin = |unit| {
            let sealer = Arc::clone(self);
            Begun::new(bytes, move || sealer.seal_unit(&unit))
        };
        Ok(Sealing(units.map(begin).collect()))
    }

    /// Divides a batch into what one core does alone, without a break: as few chunks as fill the lanes of the MAC evenly, if
    /// there are so many. Units wait for nothing, so those of the next batch follow at once.
    fn units(&self, chunks: &ChunkBatch, first_counter: u64) -> Result<Vec<Unit>> {
        // With few cores those are busy with other batches, and full lanes count for more.
        let most_bytes = chunks.size_bytes() * 2 / rayon::current_num_threads();
        let mut units: Vec<Unit> = Vec::new();
        let (mut bytes, mut longest) = (0, 0);
        let mut counter = first_counter;
        for chunk in &chunks.chunks {
            let balanced = (longest * self.lanes()).clamp(LEAST_UNIT, most_bytes.max(LEAST_UNIT));
            if units.is_empty() || bytes >= balanced {
                units.push(Unit::default());
                (bytes, longest) = (0, 0);
            }
            if let Some(unit) = units.last_mut() {
                unit.chunks.push(chunk.clone());
                unit.ivs.push(counter);
            }
            bytes += chunk.data.len();
            longest = longest.max(chunk.data.len());
            counter = counter
                .checked_add(self.counters_of(chunk))
                .ok_or_else(|| Error::value("the counters of this key are used up"))?;
        }
        Ok(units)
    }

    fn seal_unit(&self, unit: &Unit) -> Result<SealedUnit> {
        let compressed: Vec<Compressed> = unit.chunks.iter().map(|chunk| self.compress(chunk)).collect::<Result<_>>()?;
        let mut starts = Vec::with_capacity(unit.chunks.len() + 1);
        let mut end = 0;
        starts.push(end);
        for one in &compressed {
            end += HEADER_AND_KEY + self.overhead() + one.len();
            starts.push(end);
        }
        let mut memory = memory::scratch_buffer(end);
        let mut rest = memory.as_mut_slice();
        let mut entries = Vec::with_capacity(unit.chunks.len());
        for ((chunk, compressed), &iv) in unit.chunks.iter().zip(compressed).zip(&unit.ivs) {
            let (place, behind) = rest.split_at_mut(HEADER_AND_KEY + self.overhead() + compressed.len());
            rest = behind;
            entries.push(Entry {
                chunk,
                compressed,
                iv,
                place,
            });
        }
        match &self.cipher {
            Cipher::None => entries.iter_mut().for_each(|entry| self.write_plain(entry)),
            Cipher::AesCtr(keys) => self.write_encrypted(keys, &mut entries),
        }
        for entry in entries {
            if let Cow::Owned(body) = entry.compressed.body {
                memory::recycle(body);
            }
        }
        let ids = unit.chunks.iter().map(|chunk| chunk.id).collect();
        Ok(SealedUnit { ids, starts, memory })
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

    fn write_plain(&self, entry: &mut Entry) {
        let Entry { compressed, place, .. } = entry;
        let object = &mut place[HEADER_AND_KEY..];
        object[0] = self.type_byte;
        let (first, rest) = object[1..].split_at_mut(compressed.head.len());
        first.copy_from_slice(&compressed.head);
        let (body, padding) = rest.split_at_mut(compressed.body.len());
        body.copy_from_slice(&compressed.body);
        padding.fill(0);
        finish(place, entry.chunk, None);
    }

    /// Cipher, MAC and CRC go over all entries together, strip by strip.
    fn write_encrypted(&self, keys: &Keys, entries: &mut [Entry]) {
        // Of long messages, while they are in the nearest cache.
        // To join two checksums takes as long as to compute a short one anew.
        let mut crcs: Vec<Option<crc32fast::Hasher>> = entries
            .iter()
            .map(|entry| (entry.place.len() > JOINED_CRC_BYTES).then(crc32fast::Hasher::new))
            .collect();
        let messages = entries.iter_mut().zip(&mut crcs).map(|(entry, crc)| {
            let message = &mut entry.place[HEADER_AND_KEY + 1 + MAC..];
            Message {
                length: message.len(),
                pieces: Strips::new(keys, entry.iv, &entry.compressed, message, crc.as_mut()),
            }
        });
        let macs = keys.macs(messages);
        for ((entry, mac), message_crc) in entries.iter_mut().zip(macs).zip(crcs) {
            let object = &mut entry.place[HEADER_AND_KEY..];
            object[0] = self.type_byte;
            object[1..=MAC].copy_from_slice(&mac);
            finish(entry.place, entry.chunk, message_crc.as_ref());
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

/// Writes the head of a PUT entry that is complete otherwise. `message_crc` is the CRC of all that comes after the MAC,
/// if it is known already.
fn finish(place: &mut [u8], chunk: &Chunk, message_crc: Option<&crc32fast::Hasher>) {
    let size = place.len() as u32; // at most 20 MiB
    place[4..8].copy_from_slice(&size.to_le_bytes());
    place[8] = PUT;
    place[9..HEADER_AND_KEY].copy_from_slice(&chunk.id);
    let mut crc = crc32fast::Hasher::new();
    match message_crc {
        Some(message_crc) => {
            crc.update(&place[4..HEADER_AND_KEY + 1 + MAC]);
            crc.combine(message_crc);
        }
        None => crc.update(&place[4..]),
    }
    place[..4].copy_from_slice(&crc.finalize().to_le_bytes());
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

    fn entry(batch: &SealedBatch, index: usize) -> Vec<u8> {
        let pieces = batch.entries(index, index + 1);
        pieces.iter().flat_map(|piece| piece.iter().copied()).collect()
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
                    assert_eq!(entry(&whole, index), entry(&alone, 0), "{kind} {spec} {index}");
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
