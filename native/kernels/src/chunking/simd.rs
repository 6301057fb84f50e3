//! The two inner loops of buzhash, compiled for several instruction sets and chosen at run time.
//!
//! The code is portable but for the prefix values with AVX-512: there the whole table fits into registers, and 64 bytes are
//! looked up at once. Every variant gives the same result.

/// Positions whose prefix values go together, since rotation by 32 does nothing.
pub(super) const GROUP: usize = 32;

/// The seeded table in both of the forms that are looked up.
pub(super) struct Table {
    words: [u32; 256],
    /// The bytes of all words: the lowest ones first.
    #[cfg(target_arch = "x86_64")]
    planes: [[u8; 256]; 4],
}

impl Table {
    pub(super) fn new(words: [u32; 256]) -> Self {
        Self {
            words,
            #[cfg(target_arch = "x86_64")]
            planes: std::array::from_fn(|place| words.map(|word| word.to_le_bytes()[place])),
        }
    }
}

/// Fills `out[i]` with the prefix value before `bytes[i]` and returns the one after the last byte. The first byte is at offset
/// `phase` within its group.
pub(super) fn prefixes(table: &Table, bytes: &[u8], phase: usize, start: u32, out: &mut [u32]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi")
        {
            // SAFETY: the features the function is compiled for were just detected.
            #[allow(unsafe_code)]
            return unsafe { x86::prefixes_avx512(table, bytes, phase, start, out) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
            // SAFETY: the features the function is compiled for were just detected.
            #[allow(unsafe_code)]
            return unsafe { x86::prefixes_avx2(&table.words, bytes, phase, start, out) };
        }
    }
    prefixes_portable(&table.words, bytes, phase, start, out)
}

/// The first index where `new[i] ^ old[i]` has no bit in common with `masks[i % 32]`.
pub(super) fn first_cut(new: &[u32], old: &[u32], masks: &[u32; GROUP]) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the feature the function is compiled for was just detected.
            #[allow(unsafe_code)]
            return unsafe { x86::first_cut_avx512(new, old, masks) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
            // SAFETY: the features the function is compiled for were just detected.
            #[allow(unsafe_code)]
            return unsafe { x86::first_cut_avx2(new, old, masks) };
        }
    }
    first_cut_portable(new, old, masks)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512i, _mm_cvtsi128_si32, _mm512_bslli_epi128, _mm512_castsi512_si128, _mm512_loadu_si512, _mm512_mask_blend_epi8,
        _mm512_maskz_permutexvar_epi32, _mm512_movepi8_mask, _mm512_permutex2var_epi8, _mm512_permutexvar_epi32,
        _mm512_rorv_epi32, _mm512_set1_epi32, _mm512_setr_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32,
        _mm512_unpackhi_epi8, _mm512_unpackhi_epi16, _mm512_unpacklo_epi8, _mm512_unpacklo_epi16, _mm512_xor_si512,
    };

    use super::{GROUP, Table, first_cut_portable, prefixes_portable};

    /// Bytes looked up at once: two groups.
    const STRIDE: usize = 2 * GROUP;
    const LANES: usize = 16;
    /// `_mm512_ternarylogic_epi32` with it is the XOR of three.
    const XOR: i32 = 0x96;

    #[target_feature(enable = "avx2,bmi2")]
    pub fn prefixes_avx2(table: &[u32; 256], bytes: &[u8], phase: usize, start: u32, out: &mut [u32]) -> u32 {
        prefixes_portable(table, bytes, phase, start, out)
    }

    /// One byte of each word is looked up in 256 bytes that four registers hold; the four bytes are then put together.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn prefixes_avx512(table: &Table, bytes: &[u8], phase: usize, start: u32, out: &mut [u32]) -> u32 {
        let (head, bytes) = bytes.split_at(bytes.len().min((GROUP - phase) % GROUP));
        let (head_out, out) = out[..head.len() + bytes.len()].split_at_mut(head.len());
        let start = prefixes_portable(&table.words, head, phase, start, head_out);
        let (strides, tail) = bytes.as_chunks::<STRIDE>();
        let (slots, tail_out) = out.split_at_mut(strides.len() * STRIDE);
        let (slots, _) = slots.as_chunks_mut::<LANES>();

        let planes: [[__m512i; 4]; 4] = std::array::from_fn(|place| {
            let (quarters, _) = table.planes[place].as_chunks::<64>();
            std::array::from_fn(|quarter| load(&quarters[quarter]))
        });
        // Putting bytes together works in quarters of registers, which transposes them; so they are transposed before.
        let transposed = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        let turns = [
            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
            _mm512_setr_epi32(16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31),
        ];
        let ends_of_quarters = _mm512_setr_epi32(0, 0, 0, 0, 3, 3, 3, 3, 0, 0, 0, 0, 11, 11, 11, 11);
        let end_of_half = _mm512_set1_epi32(7);
        let last = _mm512_set1_epi32(15);
        // In every lane.
        let mut prefix = _mm512_set1_epi32(start.cast_signed());
        for (stride, slots) in strides.iter().zip(slots.as_chunks_mut::<4>().0) {
            let bytes = _mm512_permutexvar_epi32(transposed, load(stride));
            let is_high = _mm512_movepi8_mask(bytes);
            let [lowest, second, third, highest] = planes.map(|[one, two, three, four]| {
                let low = _mm512_permutex2var_epi8(one, bytes, two);
                let high = _mm512_permutex2var_epi8(three, bytes, four);
                _mm512_mask_blend_epi8(is_high, low, high)
            });
            let halves = [
                (_mm512_unpacklo_epi8(lowest, second), _mm512_unpacklo_epi8(third, highest)),
                (_mm512_unpackhi_epi8(lowest, second), _mm512_unpackhi_epi8(third, highest)),
            ];
            for (pair, (low, high)) in halves.into_iter().enumerate() {
                let words = [_mm512_unpacklo_epi16(low, high), _mm512_unpackhi_epi16(low, high)];
                for half in 0..2 {
                    let turned = _mm512_rorv_epi32(words[half], turns[half]);
                    // The XOR of each lane with all before it: within two lanes, quarters, halves, all.
                    let mut sums = _mm512_xor_si512(turned, _mm512_bslli_epi128::<4>(turned));
                    sums = _mm512_xor_si512(sums, _mm512_bslli_epi128::<8>(sums));
                    sums = _mm512_xor_si512(sums, _mm512_maskz_permutexvar_epi32(0xf0f0, ends_of_quarters, sums));
                    sums = _mm512_xor_si512(sums, _mm512_maskz_permutexvar_epi32(0xff00, end_of_half, sums));
                    store(
                        &mut slots[2 * pair + half],
                        _mm512_ternarylogic_epi32::<XOR>(sums, turned, prefix),
                    );
                    prefix = _mm512_xor_si512(prefix, _mm512_permutexvar_epi32(last, sums));
                }
            }
        }
        let start = _mm_cvtsi128_si32(_mm512_castsi512_si128(prefix)).cast_unsigned();
        prefixes_portable(&table.words, tail, 0, start, tail_out)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(bytes: &[u8; 64]) -> __m512i {
        // SAFETY: 64 bytes are read, as many as the reference is good for.
        #[allow(unsafe_code)]
        unsafe {
            _mm512_loadu_si512(bytes.as_ptr().cast())
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(words: &mut [u32; LANES], vector: __m512i) {
        // SAFETY: 64 bytes are written, as many as the reference is good for.
        #[allow(unsafe_code)]
        unsafe {
            _mm512_storeu_si512(words.as_mut_ptr().cast(), vector);
        }
    }

    #[target_feature(enable = "avx512f")]
    pub fn first_cut_avx512(new: &[u32], old: &[u32], masks: &[u32; GROUP]) -> Option<usize> {
        first_cut_portable(new, old, masks)
    }

    #[target_feature(enable = "avx2,bmi2")]
    pub fn first_cut_avx2(new: &[u32], old: &[u32], masks: &[u32; GROUP]) -> Option<usize> {
        first_cut_portable(new, old, masks)
    }
}

#[inline(always)]
fn prefixes_portable(table: &[u32; 256], bytes: &[u8], phase: usize, start: u32, out: &mut [u32]) -> u32 {
    let mut prefix = start;
    let (head, bytes) = bytes.split_at(bytes.len().min((GROUP - phase) % GROUP));
    let (head_out, out) = out.split_at_mut(head.len());
    for ((turn, &byte), slot) in (phase as u32..).zip(head).zip(head_out) {
        *slot = prefix;
        prefix ^= table[byte as usize].rotate_right(turn);
    }
    let (groups, tail) = bytes.as_chunks::<GROUP>();
    let (out_groups, tail_out) = out.as_chunks_mut::<GROUP>();
    for (group, slots) in groups.iter().zip(out_groups) {
        for turn in 0..GROUP {
            slots[turn] = prefix;
            prefix ^= table[group[turn] as usize].rotate_right(turn as u32);
        }
    }
    for ((turn, &byte), slot) in (0..).zip(tail).zip(tail_out) {
        *slot = prefix;
        prefix ^= table[byte as usize].rotate_right(turn);
    }
    prefix
}

#[inline(always)]
fn first_cut_portable(new: &[u32], old: &[u32], masks: &[u32; GROUP]) -> Option<usize> {
    let (new_groups, new_tail) = new.as_chunks::<GROUP>();
    let (old_groups, old_tail) = old.as_chunks::<GROUP>();
    for (number, (new, old)) in new_groups.iter().zip(old_groups).enumerate() {
        let mut is_cut = 0;
        for i in 0..GROUP {
            is_cut |= u32::from((new[i] ^ old[i]) & masks[i] == 0);
        }
        if is_cut != 0 {
            let within = first_of(new, old, masks)?;
            return Some(number * GROUP + within);
        }
    }
    first_of(new_tail, old_tail, masks).map(|within| new_groups.len() * GROUP + within)
}

fn first_of(new: &[u32], old: &[u32], masks: &[u32; GROUP]) -> Option<usize> {
    new.iter()
        .zip(old)
        .zip(masks)
        .position(|((new, old), mask)| (new ^ old) & mask == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunking::buzhash::tests::noise;
    use crate::chunking::table::BASE;

    #[test]
    fn variants_agree() {
        let masks = std::array::from_fn(|i| 0x7f_u32.rotate_right(i as u32));
        let table = Table::new(BASE);
        for length in [0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000] {
            for phase in [0, 1, 31] {
                let bytes = noise(length, length as u64);
                let (mut here, mut portable) = (vec![0; length], vec![0; length]);
                let last = prefixes(&table, &bytes, phase, 5, &mut here);
                assert_eq!(last, prefixes_portable(&BASE, &bytes, phase, 5, &mut portable));
                assert_eq!(here, portable);
                #[cfg(target_arch = "x86_64")]
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
                    // SAFETY: the features the function is compiled for were just detected.
                    #[allow(unsafe_code)]
                    let last_avx2 = unsafe { x86::prefixes_avx2(&BASE, &bytes, phase, 5, &mut portable) };
                    assert_eq!((last_avx2, &portable), (last, &here));
                }
                let old = vec![3; length];
                assert_eq!(first_cut(&here, &old, &masks), first_cut_portable(&here, &old, &masks));
            }
        }
    }
}
