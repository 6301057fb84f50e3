//! The buzhash cut rule, found blockwise.
//!
//! With H the seeded table, a window that ends before byte e hashes to the XOR of H[byte k] rotated left by e - 1 - k over its
//! bytes. Let P[e] be the XOR of H[byte k] rotated *right* by k over all k < e. Then that hash is P[e] ^ P[e - window] rotated
//! left by e - 1, so the low bits of the hash are zero exactly if P[e] ^ P[e - window] has no bit in common with the mask
//! rotated right by e - 1. P costs one table look-up a byte, and the test is the same for 32 neighbouring positions at a time.

use super::cut::Cut;
use super::simd::{self, GROUP, Table};
use super::table::BASE;
use crate::zeros::leading_zeros;

pub(super) struct Buzhash {
    table: Table,
    /// mask rotated right by e - 1 for e = 0..32.
    masks: [u32; GROUP],
    window: usize,
    /// Whether there is a cut where a window of zeros begins.
    cuts_zeros: bool,
    min: usize,
    max: usize,
    /// Positions examined between two looks at the result.
    block: usize,
}

impl Buzhash {
    pub(super) fn new(min: usize, max: usize, mask_bits: u32, window: usize, seed: u32) -> Self {
        let mask = (1_u32 << mask_bits) - 1;
        let mut masks = [0; GROUP];
        for (end, rotated) in (0_u32..).zip(&mut masks) {
            *rotated = mask.rotate_right(end.wrapping_sub(1) % 32);
        }
        // Small blocks where cuts are frequent, as what follows a cut is examined in vain; never smaller than the window, whose
        // prefix values move once per block.
        let block = (1 << mask_bits >> 2).clamp(256, 8192).max(window.next_multiple_of(GROUP));
        let zero = BASE[0] ^ seed;
        let of_zeros = (0_u32..)
            .take(window)
            .fold(0, |hash, place| hash ^ zero.rotate_left(place % 32));
        Self {
            table: Table::new(BASE.map(|value| value ^ seed)),
            masks,
            window,
            cuts_zeros: of_zeros & mask == 0,
            min,
            max,
            block,
        }
    }

    /// See `Chunker::look`.
    pub(super) fn look(&self, data: &[u8], examined: usize, ended: bool) -> Cut {
        let limit = data.len().min(self.max);
        let first = examined.max(self.min);
        // A window lies after its cut and ends at least one byte before the limit.
        let stop = limit.saturating_sub(self.window);
        let first = self.skip_zeros(&data[..limit], first, stop);
        if first < stop
            && let Some(cut) = self.find(&data[..limit], first, stop)
        {
            return Cut::At(cut);
        }
        if ended || limit == self.max {
            Cut::At(limit)
        } else {
            Cut::NotBefore(stop.max(examined))
        }
    }

    /// Where to begin to look for a cut: behind windows of zeros, such as holes are full of, unless there is a cut.
    fn skip_zeros(&self, data: &[u8], first: usize, stop: usize) -> usize {
        if first >= stop || self.cuts_zeros {
            return first;
        }
        let windows = (leading_zeros(&data[first..]) + 1).saturating_sub(self.window);
        stop.min(first + windows)
    }

    /// The first position from `first` up to but not including `stop` where the hash of the window that begins there has only
    /// zeros under the mask. One byte behind the last window must exist.
    fn find(&self, data: &[u8], first: usize, stop: usize) -> Option<usize> {
        let history = self.window.next_multiple_of(GROUP);
        let mut prefixes = vec![0_u32; history + self.block.min((stop - first).next_multiple_of(GROUP))];
        // prefixes[x] belongs to byte `start + x`; the origin is chosen so that the end of the first window is a group's start.
        let skipped = history - self.window;
        let mut prefix = simd::prefixes(
            &self.table,
            &data[first..first + self.window],
            skipped,
            0,
            &mut prefixes[skipped..history],
        );
        let mut position = first;
        while position < stop {
            let count = (prefixes.len() - history).min(stop - position);
            let ahead = position + self.window;
            let fresh = &mut prefixes[history..history + count];
            prefix = simd::prefixes(&self.table, &data[ahead..ahead + count], 0, prefix, fresh);
            let (new, old) = (&prefixes[history..history + count], &prefixes[skipped..skipped + count]);
            if let Some(found) = simd::first_cut(new, old, &self.masks) {
                return Some(position + found);
            }
            position += count;
            prefixes.copy_within(count..count + history, 0);
        }
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rule as the specification states it, byte by byte.
    pub fn cut_slowly(data: &[u8], min: usize, max: usize, mask_bits: u32, window: usize, seed: u32) -> Vec<usize> {
        let table = BASE.map(|value| value ^ seed);
        let mask = (1_u32 << mask_bits) - 1;
        let mut sizes = Vec::new();
        let mut start = 0;
        while start < data.len() {
            let rest = &data[start..];
            let limit = rest.len().min(max);
            let mut size = limit;
            if rest.len() > min + window {
                let turn = (window % 32) as u32;
                let mut hash = 0_u32;
                for &byte in &rest[min..min + window] {
                    hash = hash.rotate_left(1) ^ table[byte as usize];
                }
                for cut in min..limit - window {
                    if hash & mask == 0 {
                        size = cut;
                        break;
                    }
                    let (leaving, entering) = (rest[cut] as usize, rest[cut + window] as usize);
                    hash = hash.rotate_left(1) ^ table[leaving].rotate_left(turn) ^ table[entering];
                }
            }
            sizes.push(size);
            start += size;
        }
        sizes
    }

    pub fn noise(length: usize, mut state: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length);
        for _ in 0..length {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            bytes.push((state >> 56) as u8);
        }
        bytes
    }

    fn cut(buzhash: &Buzhash, data: &[u8]) -> Vec<usize> {
        let mut sizes = Vec::new();
        let mut start = 0;
        while start < data.len() {
            let (Cut::At(size) | Cut::NotBefore(size)) = buzhash.look(&data[start..], 0, true);
            sizes.push(size);
            start += size;
        }
        sizes
    }

    #[test]
    fn table_is_the_right_one() {
        let bytes: Vec<u8> = BASE.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(crate::checksums::crc32(&bytes, 0), 0x62dc_467b);
    }

    #[test]
    fn large_windows_and_masks() {
        let data = noise(6_000_000, 1);
        for (min_exp, max_exp, mask_bits, window) in [
            (19, 23, 21, 4095),
            (18, 22, 22, 1),
            (20, 22, 20, 1_000_001),
            (17, 22, 18, 3_000_001),
            (6, 23, 16, 8191),
            (6, 23, 20, 8193),
        ] {
            let (min, max) = (1 << min_exp, 1 << max_exp);
            let expected = cut_slowly(&data, min, max, mask_bits, window, 77);
            assert_eq!(cut(&Buzhash::new(min, max, mask_bits, window, 77), &data), expected);
        }
    }

    #[test]
    fn runs_of_zeros_are_cut_like_all_else() {
        let mut data = noise(20_000, 2);
        for run in [0..700, 900..1000, 1500..4000, 4100..9000, 15_000..20_000] {
            data[run].fill(0);
        }
        let mut cutting = 0;
        for seed in 0..400 {
            let window = 31 + 2 * (seed as usize % 50);
            let buzhash = Buzhash::new(64, 1024, 6, window, seed);
            assert_eq!(cut(&buzhash, &data), cut_slowly(&data, 64, 1024, 6, window, seed), "{seed}");
            cutting += u32::from(buzhash.cuts_zeros);
        }
        assert!((1..400).contains(&cutting), "{cutting}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn equals_the_plain_loop(
            exponents in (6_u32..=12, 0_u32..=6, 0_u32..=6),
            window in 0_usize..5000,
            length in 0_usize..70_000,
            kind in 0..3,
            seed: u32,
        ) {
            let (min_exp, mask_bits) = (exponents.0, exponents.0 + exponents.1);
            let max_exp = (mask_bits + exponents.2).max(min_exp + 1);
            let (min, max) = (1_usize << min_exp, 1_usize << max_exp);
            let window = (window % (max - min - 1)) | 1;
            prop_assume!(window + min < max);
            let data = match kind {
                0 => vec![seed as u8; length],
                1 => noise(length, u64::from(seed)).iter().map(|byte| byte & 1).collect(),
                _ => noise(length, u64::from(seed)),
            };
            let expected = cut_slowly(&data, min, max, mask_bits, window, seed);
            prop_assert_eq!(cut(&Buzhash::new(min, max, mask_bits, window, seed), &data), expected);
        }
    }
}
