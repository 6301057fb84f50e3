//! The compression function of BLAKE2b: one message at a time, or one in each 64-bit lane of wide registers.
//!
//! One message alone is bound by the latency of a long chain of additions and rotations, and plain registers have the shortest.
//! Eight messages side by side take hardly more than twice as long as one.

/// One block of input.
pub type Block = [u8; 128];
/// A state between blocks.
pub type Words = [u64; 8];

/// Next blocks of one message.
#[derive(Clone, Copy, Default)]
pub struct Input<'a> {
    pub blocks: &'a [Block],
    /// Bytes of the message up to the end of the first of these blocks, padding not counted.
    pub counter: u64,
    /// Whether the message ends with the first of these blocks.
    pub is_last: bool,
}

/// The initial state of an unparameterised BLAKE2b, which is also mixed into every block.
pub const INITIAL: Words = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// How many messages one core compresses at the same time.
pub fn lanes() -> usize {
    #[cfg(target_arch = "x86_64")]
    if has_eight_lanes() {
        return x86::eight::LANES;
    } else if has_four_lanes() {
        return x86::four::LANES;
    }
    1
}

/// Absorbs `count` blocks of each input into the state with the same index. There are at most `lanes()` of them.
pub fn compress(states: &mut [Words], inputs: &[Input], count: usize) {
    // A few messages take less time one after the other than in wide registers with idle lanes.
    #[cfg(target_arch = "x86_64")]
    if states.len() >= 2 && has_eight_lanes() {
        // SAFETY: the feature the function is compiled for was just detected.
        #[allow(unsafe_code)]
        return unsafe { x86::eight::compress(states, inputs, count) };
    } else if states.len() >= 3 && !has_eight_lanes() && has_four_lanes() {
        // SAFETY: as above.
        #[allow(unsafe_code)]
        return unsafe { x86::four::compress(states, inputs, count) };
    }
    for (state, input) in states.iter_mut().zip(inputs) {
        compress_one(state, input, count);
    }
}

#[cfg(target_arch = "x86_64")]
fn has_eight_lanes() -> bool {
    is_x86_feature_detected!("avx512f")
}

#[cfg(target_arch = "x86_64")]
fn has_four_lanes() -> bool {
    is_x86_feature_detected!("avx2")
}

/// The twelve rounds on the sixteen words `$v` with the message words `$m`: written out, so that all of them stay in registers.
/// `$mix` is the function that RFC 7693 calls G.
macro_rules! rounds {
    ($mix:ident, $v:ident, $m:ident) => {
        rounds!($mix, $v, $m, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        rounds!($mix, $v, $m, 14 10 4 8 9 15 13 6 1 12 0 2 11 7 5 3);
        rounds!($mix, $v, $m, 11 8 12 0 5 2 15 13 10 14 3 6 7 1 9 4);
        rounds!($mix, $v, $m, 7 9 3 1 13 12 11 14 2 6 5 10 4 0 15 8);
        rounds!($mix, $v, $m, 9 0 5 7 2 4 10 15 14 1 11 12 6 8 3 13);
        rounds!($mix, $v, $m, 2 12 6 10 0 11 8 3 4 13 7 5 15 14 1 9);
        rounds!($mix, $v, $m, 12 5 1 15 14 13 4 10 0 7 6 3 9 2 8 11);
        rounds!($mix, $v, $m, 13 11 7 14 12 1 3 9 5 0 15 4 8 6 2 10);
        rounds!($mix, $v, $m, 6 15 14 9 11 3 0 8 12 2 13 7 1 4 10 5);
        rounds!($mix, $v, $m, 10 2 8 4 7 6 1 5 15 11 9 14 3 12 13 0);
        rounds!($mix, $v, $m, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        rounds!($mix, $v, $m, 14 10 4 8 9 15 13 6 1 12 0 2 11 7 5 3);
    };
    ($mix:ident, $v:ident, $m:ident, $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal
     $i:literal $j:literal $k:literal $l:literal $n:literal $o:literal $p:literal $q:literal) => {
        $mix(&mut $v, [0, 4, 8, 12], $m[$a], $m[$b]);
        $mix(&mut $v, [1, 5, 9, 13], $m[$c], $m[$d]);
        $mix(&mut $v, [2, 6, 10, 14], $m[$e], $m[$f]);
        $mix(&mut $v, [3, 7, 11, 15], $m[$g], $m[$h]);
        $mix(&mut $v, [0, 5, 10, 15], $m[$i], $m[$j]);
        $mix(&mut $v, [1, 6, 11, 12], $m[$k], $m[$l]);
        $mix(&mut $v, [2, 7, 8, 13], $m[$n], $m[$o]);
        $mix(&mut $v, [3, 4, 9, 14], $m[$p], $m[$q]);
    };
}

fn compress_one(state: &mut Words, input: &Input, count: usize) {
    let mut counter = input.counter;
    for block in &input.blocks[..count] {
        let (words, _) = block.as_chunks();
        let m: [u64; 16] = std::array::from_fn(|i| u64::from_le_bytes(words[i]));
        let mut v = [0; 16];
        v[..8].copy_from_slice(state);
        v[8..].copy_from_slice(&INITIAL);
        v[12] ^= counter;
        if input.is_last {
            v[14] = !v[14];
        }
        rounds!(mix, v, m);
        for i in 0..8 {
            state[i] ^= v[i] ^ v[i + 8];
        }
        counter = counter.wrapping_add(128);
    }
}

#[inline(always)]
fn mix(v: &mut [u64; 16], [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(32);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(24);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(63);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    /// A module that compresses as many messages as `$vector` has lanes. It brings `load`, `store`, `transpose`, `add`, `xor`,
    /// `broadcast` and `rotate` for that vector.
    macro_rules! wide {
        ($feature:literal, $vector:ident, $lanes:literal) => {
            use super::super::{INITIAL, Input, Words};

            pub const LANES: usize = $lanes;
            type Row = [u64; LANES];

            #[target_feature(enable = $feature)]
            pub fn compress(states: &mut [Words], inputs: &[Input], count: usize) {
                let used = states.len();
                // Lanes without a message repeat the first one for nobody.
                let lane = |index: usize| if index < used { index } else { 0 };
                let inputs: [Input; LANES] = std::array::from_fn(|index| inputs[lane(index)]);
                let blocks = inputs.map(|input| &input.blocks[..count]);
                let mut counters = load(&inputs.map(|input| input.counter));
                let finals = load(&inputs.map(|input| if input.is_last { u64::MAX } else { 0 }));
                let step = broadcast(128);
                let initial = INITIAL.map(|word| broadcast(word));
                let mut h = [step; 8];
                for (part, h) in h.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                    for index in 0..LANES {
                        h[index] = load(row(&states[lane(index)], part));
                    }
                    transpose(h);
                }
                for position in 0..count {
                    let mut m = [step; 16];
                    for (part, m) in m.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                        for index in 0..LANES {
                            m[index] = load_bytes(&blocks[index][position].as_chunks().0[part]);
                        }
                        transpose(m);
                    }
                    let mut v = [step; 16];
                    for i in 0..8 {
                        v[i] = h[i];
                        v[i + 8] = initial[i];
                    }
                    v[12] = xor(v[12], counters);
                    v[14] = xor(v[14], finals);
                    rounds!(mix, v, m);
                    for i in 0..8 {
                        h[i] = xor(h[i], xor(v[i], v[i + 8]));
                    }
                    counters = add(counters, step);
                }
                for (part, h) in h.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                    transpose(h);
                    for (state, &words) in states.iter_mut().zip(h.iter()) {
                        store(words, &mut state.as_chunks_mut::<LANES>().0[part]);
                    }
                }
            }

            fn row(state: &Words, part: usize) -> &Row {
                &state.as_chunks().0[part]
            }

            #[inline]
            #[target_feature(enable = $feature)]
            fn mix(v: &mut [$vector; 16], [a, b, c, d]: [usize; 4], x: $vector, y: $vector) {
                v[a] = add(add(v[a], x), v[b]);
                v[d] = rotate::<32>(xor(v[d], v[a]));
                v[c] = add(v[c], v[d]);
                v[b] = rotate::<24>(xor(v[b], v[c]));
                v[a] = add(add(v[a], y), v[b]);
                v[d] = rotate::<16>(xor(v[d], v[a]));
                v[c] = add(v[c], v[d]);
                v[b] = rotate::<63>(xor(v[b], v[c]));
            }
        };
    }

    pub mod eight {
        use std::arch::x86_64::{
            __m512i, _mm512_add_epi64, _mm512_loadu_si512, _mm512_ror_epi64, _mm512_set1_epi64, _mm512_shuffle_i64x2,
            _mm512_storeu_si512, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64, _mm512_xor_si512,
        };

        wide!("avx512f", __m512i, 8);

        #[inline]
        #[target_feature(enable = "avx512f")]
        fn load(words: &Row) -> __m512i {
            // SAFETY: 64 bytes are read, as many as the reference is good for.
            #[allow(unsafe_code)]
            unsafe {
                _mm512_loadu_si512(words.as_ptr().cast())
            }
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        fn load_bytes(bytes: &[u8; 64]) -> __m512i {
            // SAFETY: as above.
            #[allow(unsafe_code)]
            unsafe {
                _mm512_loadu_si512(bytes.as_ptr().cast())
            }
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        fn store(vector: __m512i, words: &mut Row) {
            // SAFETY: 64 bytes are written, as many as the reference is good for.
            #[allow(unsafe_code)]
            unsafe {
                _mm512_storeu_si512(words.as_mut_ptr().cast(), vector);
            }
        }

        /// Rows become columns.
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn transpose(rows: &mut [__m512i; 8]) {
            let [a, b, c, d, e, f, g, h] = *rows;
            for (odd, [ab, cd, ef, gh]) in [
                [(a, b), (c, d), (e, f), (g, h)].map(|(one, two)| _mm512_unpacklo_epi64(one, two)),
                [(a, b), (c, d), (e, f), (g, h)].map(|(one, two)| _mm512_unpackhi_epi64(one, two)),
            ]
            .into_iter()
            .enumerate()
            {
                let (low, low_too) = (_mm512_shuffle_i64x2(ab, cd, 0x44), _mm512_shuffle_i64x2(ef, gh, 0x44));
                let (high, high_too) = (_mm512_shuffle_i64x2(ab, cd, 0xee), _mm512_shuffle_i64x2(ef, gh, 0xee));
                rows[odd] = _mm512_shuffle_i64x2(low, low_too, 0x88);
                rows[odd + 2] = _mm512_shuffle_i64x2(low, low_too, 0xdd);
                rows[odd + 4] = _mm512_shuffle_i64x2(high, high_too, 0x88);
                rows[odd + 6] = _mm512_shuffle_i64x2(high, high_too, 0xdd);
            }
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        fn add(one: __m512i, other: __m512i) -> __m512i {
            _mm512_add_epi64(one, other)
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        fn xor(one: __m512i, other: __m512i) -> __m512i {
            _mm512_xor_si512(one, other)
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        fn broadcast(word: u64) -> __m512i {
            _mm512_set1_epi64(word.cast_signed())
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        fn rotate<const BITS: i32>(vector: __m512i) -> __m512i {
            _mm512_ror_epi64(vector, BITS)
        }
    }

    pub mod four {
        use std::arch::x86_64::{
            __m256i, _mm256_add_epi64, _mm256_loadu_si256, _mm256_or_si256, _mm256_permute2x128_si256, _mm256_set1_epi64x,
            _mm256_setr_epi8, _mm256_shuffle_epi8, _mm256_shuffle_epi32, _mm256_srli_epi64, _mm256_storeu_si256,
            _mm256_unpackhi_epi64, _mm256_unpacklo_epi64, _mm256_xor_si256,
        };

        wide!("avx2", __m256i, 4);

        #[inline]
        #[target_feature(enable = "avx2")]
        fn load(words: &Row) -> __m256i {
            // SAFETY: 32 bytes are read, as many as the reference is good for.
            #[allow(unsafe_code)]
            unsafe {
                _mm256_loadu_si256(words.as_ptr().cast())
            }
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        fn load_bytes(bytes: &[u8; 32]) -> __m256i {
            // SAFETY: as above.
            #[allow(unsafe_code)]
            unsafe {
                _mm256_loadu_si256(bytes.as_ptr().cast())
            }
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        fn store(vector: __m256i, words: &mut Row) {
            // SAFETY: 32 bytes are written, as many as the reference is good for.
            #[allow(unsafe_code)]
            unsafe {
                _mm256_storeu_si256(words.as_mut_ptr().cast(), vector);
            }
        }

        /// Rows become columns.
        #[inline]
        #[target_feature(enable = "avx2")]
        fn transpose(rows: &mut [__m256i; 4]) {
            let [a, b, c, d] = *rows;
            let (even, even_too) = (_mm256_unpacklo_epi64(a, b), _mm256_unpacklo_epi64(c, d));
            let (odd, odd_too) = (_mm256_unpackhi_epi64(a, b), _mm256_unpackhi_epi64(c, d));
            *rows = [
                _mm256_permute2x128_si256(even, even_too, 0x20),
                _mm256_permute2x128_si256(odd, odd_too, 0x20),
                _mm256_permute2x128_si256(even, even_too, 0x31),
                _mm256_permute2x128_si256(odd, odd_too, 0x31),
            ];
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        fn add(one: __m256i, other: __m256i) -> __m256i {
            _mm256_add_epi64(one, other)
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        fn xor(one: __m256i, other: __m256i) -> __m256i {
            _mm256_xor_si256(one, other)
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        fn broadcast(word: u64) -> __m256i {
            _mm256_set1_epi64x(word.cast_signed())
        }

        /// By whole bytes a rotation is a shuffle; AVX2 has no other.
        #[inline]
        #[target_feature(enable = "avx2")]
        fn rotate<const BITS: i32>(vector: __m256i) -> __m256i {
            match BITS {
                32 => _mm256_shuffle_epi32(vector, 0xb1),
                24 => _mm256_shuffle_epi8(
                    vector,
                    _mm256_setr_epi8(
                        3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9,
                        10,
                    ),
                ),
                16 => _mm256_shuffle_epi8(
                    vector,
                    _mm256_setr_epi8(
                        2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, 2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15,
                        8, 9,
                    ),
                ),
                // By 63 to the right is by one to the left.
                _ => _mm256_or_si256(_mm256_srli_epi64(vector, 63), _mm256_add_epi64(vector, vector)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS: usize = 5;

    fn block(seed: usize) -> Block {
        std::array::from_fn(|i| (seed * 37 + i * 11 + i * i * seed) as u8)
    }

    fn check(lanes: usize, compress: impl Fn(&mut [Words], &[Input], usize)) {
        let blocks: Vec<Vec<Block>> = (0..lanes)
            .map(|lane| (0..BLOCKS).map(|i| block(lane * BLOCKS + i)).collect())
            .collect();
        for used in 1..=lanes {
            for count in [0, 1, BLOCKS] {
                let inputs: Vec<Input> = (0..used)
                    .map(|lane| Input {
                        blocks: &blocks[lane],
                        counter: (1 << 40) + lane as u64 * 1000,
                        is_last: lane % 3 == 0,
                    })
                    .collect();
                let mut states: Vec<Words> = (0..used as u64).map(|lane| INITIAL.map(|word| word ^ lane)).collect();
                let mut expected = states.clone();
                for (state, input) in expected.iter_mut().zip(&inputs) {
                    compress_one(state, input, count);
                }
                compress(&mut states, &inputs, count);
                assert_eq!(states, expected, "{used} of {lanes} lanes, {count} blocks");
            }
        }
    }

    #[test]
    fn lanes_equal_one_after_the_other() {
        check(lanes(), compress);
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        {
            if has_eight_lanes() {
                // SAFETY: the feature the function is compiled for was just detected.
                check(8, |states, inputs, count| unsafe {
                    x86::eight::compress(states, inputs, count)
                });
            }
            if has_four_lanes() {
                // SAFETY: as above.
                check(4, |states, inputs, count| unsafe {
                    x86::four::compress(states, inputs, count)
                });
            }
        }
    }
}
