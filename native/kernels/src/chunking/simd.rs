//! The two inner loops of buzhash, compiled for several instruction sets and chosen at run time.
//!
//! The code is portable; only the selection needs `unsafe`. Every variant gives the same result.

/// Positions whose prefix values go together, since rotation by 32 does nothing.
pub(super) const GROUP: usize = 32;

/// Fills `out[i]` with the prefix value before `bytes[i]` and returns the one after the last byte. The first byte is at offset
/// `phase` within its group; `phase` is 0 unless everything fits into one group.
pub(super) fn prefixes(table: &[u32; 256], bytes: &[u8], phase: usize, start: u32, out: &mut [u32]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
            // SAFETY: the features the function is compiled for were just detected.
            #[allow(unsafe_code)]
            return unsafe { x86::prefixes_avx2(table, bytes, phase, start, out) };
        }
    }
    prefixes_portable(table, bytes, phase, start, out)
}

/// The first index where `new[i] ^ old[i]` has no bit in common with `masks[i % 32]`.
pub(super) fn first_cut(new: &[u32], old: &[u32], masks: &[u32; GROUP]) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    {
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
    use super::{GROUP, first_cut_portable, prefixes_portable};

    #[target_feature(enable = "avx2,bmi2")]
    pub fn prefixes_avx2(table: &[u32; 256], bytes: &[u8], phase: usize, start: u32, out: &mut [u32]) -> u32 {
        prefixes_portable(table, bytes, phase, start, out)
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
        for length in [0, 1, 31, 32, 33, 1000] {
            let bytes = noise(length, length as u64);
            let (mut here, mut portable) = (vec![0; length], vec![0; length]);
            let last = prefixes(&BASE, &bytes, 0, 5, &mut here);
            assert_eq!(last, prefixes_portable(&BASE, &bytes, 0, 5, &mut portable));
            assert_eq!(here, portable);
            let old = vec![3; length];
            assert_eq!(first_cut(&here, &old, &masks), first_cut_portable(&here, &old, &masks));
        }
    }
}
