//! Rebuilding a damaged segment from the entries in it that are still whole.

use crc32fast::Hasher;

use super::{HEADER, Head, MAGIC};
use crate::memory::Shared;

/// Distance of the remembered checksums; a trade of memory (one in 1024) against work per suspected entry.
const STEP: usize = 4096;

/// A segment of every entry of `data` that is valid, wherever it begins. `scan_segment` accepts the result.
pub fn recover_segment(data: &[u8]) -> Shared {
    let mut rebuilt = Vec::with_capacity(data.len().max(MAGIC.len()));
    rebuilt.extend_from_slice(MAGIC);
    if data.len() < MAGIC.len() + HEADER {
        return Shared::from(rebuilt);
    }
    let checksums = Checksums::of(data);
    let mut offset = 0;
    while let Some(bytes) = data[offset..].first_chunk::<HEADER>() {
        let head = Head::read(bytes);
        let is_inside = head.is_plausible() && head.size <= data.len() - offset;
        if is_inside && checksums.agree(offset + 4, offset + head.size, head.crc) {
            rebuilt.extend_from_slice(&data[offset..offset + head.size]);
            offset += head.size;
        } else {
            offset += 1;
        }
    }
    Shared::from(rebuilt)
}

/// Verifies the CRC of any range in nearly constant time, so that random bytes that look like heads of big entries (in
/// every 3000th place) do not cost megabytes of hashing each: CRCs of adjacent ranges can be combined.
struct Checksums<'data> {
    data: &'data [u8],
    /// CRC of the bytes before each multiple of STEP.
    before: Vec<u32>,
}

impl<'data> Checksums<'data> {
    fn of(data: &'data [u8]) -> Self {
        let mut hasher = Hasher::new();
        let mut before = Vec::with_capacity(data.len() / STEP + 1);
        before.push(0);
        for block in data.chunks_exact(STEP) {
            hasher.update(block);
            before.push(hasher.clone().finalize());
        }
        Self { data, before }
    }

    /// The hash of everything before `offset`.
    fn up_to(&self, offset: usize) -> Hasher {
        let block = offset / STEP;
        let mut hasher = Hasher::new_with_initial_len(self.before[block], (block * STEP) as u64);
        hasher.update(&self.data[block * STEP..offset]);
        hasher
    }

    /// Whether the bytes from `start` to `stop` have this CRC.
    fn agree(&self, start: usize, stop: usize, crc: u32) -> bool {
        let mut supposed = self.up_to(start);
        supposed.combine(&Hasher::new_with_initial_len(crc, (stop - start) as u64));
        supposed.finalize() == self.up_to(stop).finalize()
    }
}
