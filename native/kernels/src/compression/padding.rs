//! How much padding `obfuscate` adds to hide the size of a chunk.

use crate::errors::{Error, Result};
use crate::segments::MAX_DATA;

/// Room that is left between a padded chunk and the largest stored object.
const MARGIN: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Padding {
    /// The size times this factor over a random number: usually about the factor, rarely much more.
    Relative(f64),
    /// Anything below this.
    Absolute(usize),
    /// Up to a size with few significant bits (Padmé): at most 12 %.
    Rounded,
}

impl Padding {
    pub(super) fn of_level(level: u32) -> Option<Self> {
        match level {
            1..=6 => Some(Self::Relative(0.001 * 10_f64.powi(level.cast_signed()))),
            110..=123 => Some(Self::Absolute(1 << (level - 100))),
            250 => Some(Self::Rounded),
            _ => None,
        }
    }

    /// Padding for a compressed chunk of `size` bytes.
    pub(super) fn choose(self, size: usize) -> Result<usize> {
        // Float to integer conversion saturates, the limit below does the rest.
        let wanted = match self {
            Self::Relative(factor) => (size as f64 * factor / random()?.max(0.0001)) as usize,
            Self::Absolute(limit) => (limit as f64 * random()?) as usize,
            Self::Rounded => rounded(size) - size,
        };
        Ok(wanted.min(room(size)))
    }

    /// The largest sum of size and padding for chunks of up to `size` bytes.
    pub(super) fn bound(self, size: usize) -> usize {
        let limit = size.max(MAX_DATA - MARGIN);
        match self {
            Self::Relative(_) => limit,
            Self::Absolute(most) => limit.min(size.saturating_add(most)),
            Self::Rounded => limit.min(rounded(size)),
        }
    }
}

fn room(size: usize) -> usize {
    (MAX_DATA - MARGIN).saturating_sub(size)
}

/// `size` rounded up to floor(log2 floor(log2 size)) + 1 significant bits.
fn rounded(size: usize) -> usize {
    if size < 2 {
        return size;
    }
    let exponent = size.ilog2();
    let low_bits = (1_usize << (exponent - exponent.ilog2() - 1)) - 1;
    (size + low_bits) & !low_bits
}

/// Uniform in [0, 1).
fn random() -> Result<f64> {
    let bits = getrandom::u64().map_err(|error| Error::os(std::io::Error::other(error.to_string()), None))?;
    Ok((bits >> 11) as f64 / (1_u64 << 53) as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rounding() {
        for (size, padded) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (9, 10),
            (17, 18),
            (100, 104),
            (65_537, 67_584),
            (8_388_609, 8_650_752),
        ] {
            assert_eq!(rounded(size), padded);
        }
    }

    #[test]
    fn padding_keeps_below_its_bound() {
        for level in [1, 3, 6, 110, 115, 123, 250] {
            let padding = Padding::of_level(level).unwrap();
            for size in [
                0,
                1,
                2,
                1000,
                1_000_000,
                MAX_DATA - MARGIN - 1,
                MAX_DATA - MARGIN,
                MAX_DATA,
                MAX_DATA + 5,
            ] {
                for _ in 0..20 {
                    let padded = size + padding.choose(size).unwrap();
                    assert!(padded <= padding.bound(size), "level {level}, size {size}: {padded}");
                    assert!(padded <= (MAX_DATA - MARGIN).max(size));
                }
            }
        }
    }
}
