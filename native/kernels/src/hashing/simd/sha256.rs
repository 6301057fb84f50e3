//! Two SHA-256 computations interleaved on one core.
//!
//! The SHA instructions depend on each other in a chain whose latency leaves half of their throughput unused; a second,
//! independent message fills the gap.

/// One block of input.
pub type Block = [u8; 64];
/// A state between blocks: the words a to h.
pub type Words = [u32; 8];

/// Whether two messages at once are faster than one after the other.
pub fn has_pairs() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1") && is_x86_feature_detected!("ssse3")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// Absorbs as many blocks into each state; those that the longer input has more are left out.
pub fn compress_pair(states: [&mut Words; 2], blocks: [&[Block]; 2]) {
    #[cfg(target_arch = "x86_64")]
    if has_pairs() {
        // SAFETY: the features the function is compiled for were just detected.
        #[allow(unsafe_code)]
        unsafe {
            x86::compress_pair(states, blocks);
        }
        return;
    }
    let count = blocks[0].len().min(blocks[1].len());
    for (state, blocks) in states.into_iter().zip(blocks) {
        sha2::block_api::compress256(state, &blocks[..count]);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_set_epi64x, _mm_sha256msg1_epu32,
        _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
    };

    use super::{Block, Words};

    /// A state in the order that the instructions want.
    #[derive(Clone, Copy)]
    struct State {
        abef: __m128i,
        cdgh: __m128i,
    }

    #[target_feature(enable = "sha,sse4.1,ssse3")]
    pub fn compress_pair(states: [&mut Words; 2], blocks: [&[Block]; 2]) {
        let [mut one, mut two] = [load_state(states[0]), load_state(states[1])];
        for (block_one, block_two) in blocks[0].iter().zip(blocks[1]) {
            let before = [one, two];
            let mut words = [load_block(block_one), load_block(block_two)];
            for i in 0..4 {
                four_rounds(&mut one, words[0][i], &K[i]);
                four_rounds(&mut two, words[1][i], &K[i]);
            }
            for group in 1..4 {
                for i in 0..4 {
                    let constants = &K[group * 4 + i];
                    extend(&mut words[0], i);
                    extend(&mut words[1], i);
                    four_rounds(&mut one, words[0][i], constants);
                    four_rounds(&mut two, words[1][i], constants);
                }
            }
            one = add(one, before[0]);
            two = add(two, before[1]);
        }
        *states[0] = store_state(one);
        *states[1] = store_state(two);
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn four_rounds(state: &mut State, words: __m128i, constants: &[u32; 4]) {
        let [k0, k1, k2, k3] = constants.map(u32::cast_signed);
        let sum = _mm_add_epi32(words, _mm_set_epi32(k3, k2, k1, k0));
        state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, sum);
        state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32(sum, 0x0e));
    }

    /// Replaces the four words at `i` by those sixteen later.
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn extend(words: &mut [__m128i; 4], i: usize) {
        let (next, second, last) = (words[(i + 1) % 4], words[(i + 2) % 4], words[(i + 3) % 4]);
        let sum = _mm_add_epi32(_mm_sha256msg1_epu32(words[i], next), _mm_alignr_epi8(last, second, 4));
        words[i] = _mm_sha256msg2_epu32(sum, last);
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn add(one: State, other: State) -> State {
        State {
            abef: _mm_add_epi32(one.abef, other.abef),
            cdgh: _mm_add_epi32(one.cdgh, other.cdgh),
        }
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn load_state(words: &Words) -> State {
        let [a, b, c, d, e, f, g, h] = words.map(u32::cast_signed);
        State {
            abef: _mm_set_epi32(a, b, e, f),
            cdgh: _mm_set_epi32(c, d, g, h),
        }
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn store_state(State { abef, cdgh }: State) -> Words {
        let (a, b) = (_mm_extract_epi32(abef, 3), _mm_extract_epi32(abef, 2));
        let (e, f) = (_mm_extract_epi32(abef, 1), _mm_extract_epi32(abef, 0));
        let (c, d) = (_mm_extract_epi32(cdgh, 3), _mm_extract_epi32(cdgh, 2));
        let (g, h) = (_mm_extract_epi32(cdgh, 1), _mm_extract_epi32(cdgh, 0));
        [a, b, c, d, e, f, g, h].map(i32::cast_unsigned)
    }

    /// The block as big-endian words.
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn load_block(block: &Block) -> [__m128i; 4] {
        let swapped = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let (halves, _) = block.as_chunks::<8>();
        std::array::from_fn(|i| {
            let (low, high) = (i64::from_le_bytes(halves[2 * i]), i64::from_le_bytes(halves[2 * i + 1]));
            _mm_shuffle_epi8(_mm_set_epi64x(high, low), swapped)
        })
    }

    /// The constants of FIPS 180-4, four rounds a line.
    const K: [[u32; 4]; 16] = [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
        [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
        [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
        [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
        [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
        [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
        [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
        [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
        [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_equals_one_after_the_other() {
        let blocks: Vec<Block> = (0..9_u8)
            .map(|n| std::array::from_fn(|i| n.wrapping_mul(31) ^ (i as u8).wrapping_mul(7)))
            .collect();
        for (long, short) in [(9, 9), (9, 4), (1, 1), (3, 0)] {
            let (mut one, mut two) = ([1, 2, 3, 4, 5, 6, 7, u32::MAX], [9; 8]);
            let (mut expected_one, mut expected_two) = (one, two);
            compress_pair([&mut one, &mut two], [&blocks[..long], &blocks[9 - short..]]);
            sha2::block_api::compress256(&mut expected_one, &blocks[..short]);
            sha2::block_api::compress256(&mut expected_two, &blocks[9 - short..]);
            assert_eq!((one, two), (expected_one, expected_two));
        }
    }
}
