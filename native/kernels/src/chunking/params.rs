//! `Chunker`: parameters within Borg's limits, and the one question asked of them: where does the next chunk end?

use std::sync::Arc;

use super::buzhash::Buzhash;
use super::cut::Cut;
use crate::errors::{Error, Result};
use crate::segments::MAX_DATA;

const SMALLEST_BLOCK: usize = 64;
const EXPONENTS: std::ops::RangeInclusive<u32> = 6..=23;

/// How to cut, as archives record it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkerParams {
    Buzhash {
        min_exp: u32,
        max_exp: u32,
        mask_bits: u32,
        window: usize,
    },
    /// The header is cut into blocks like the rest, but on its own.
    Fixed { block: usize, header: usize },
}

impl ChunkerParams {
    fn validate(&self) -> Result<()> {
        match *self {
            Self::Buzhash {
                min_exp,
                max_exp,
                mask_bits,
                window,
            } => {
                if !EXPONENTS.contains(&min_exp) || !EXPONENTS.contains(&max_exp) {
                    return Err(Error::value("chunker exponents must be between 6 and 23"));
                }
                if min_exp > mask_bits || mask_bits > max_exp {
                    return Err(Error::value("chunker exponents must be minimum <= mask <= maximum"));
                }
                if window % 2 == 0 {
                    return Err(Error::value("the chunker window must be odd"));
                }
                if window > (1 << max_exp) || window + (1 << min_exp) + 1 > (1 << max_exp) {
                    return Err(Error::value("minimum size and window do not fit into the maximum chunk size"));
                }
            }
            Self::Fixed { block, header } => {
                if !(SMALLEST_BLOCK..=MAX_DATA).contains(&block) {
                    return Err(Error::value(format!(
                        "the block size must be between {SMALLEST_BLOCK} and {MAX_DATA}"
                    )));
                }
                if header > MAX_DATA {
                    return Err(Error::value(format!("the header size must be at most {MAX_DATA}")));
                }
            }
        }
        Ok(())
    }
}

/// A cut rule. Immutable, cheap to clone.
#[derive(Clone)]
pub struct Chunker(Rule);

#[derive(Clone)]
enum Rule {
    Buzhash(Arc<Buzhash>),
    Fixed { block: usize, header: usize },
}

impl Chunker {
    /// `seed` is the key's chunk_seed; the fixed chunker ignores it.
    pub fn new(params: ChunkerParams, seed: i32) -> Result<Self> {
        params.validate()?;
        Ok(Self(match params {
            ChunkerParams::Buzhash {
                min_exp,
                max_exp,
                mask_bits,
                window,
            } => Rule::Buzhash(Arc::new(Buzhash::new(
                1 << min_exp,
                1 << max_exp,
                mask_bits,
                window,
                seed.cast_unsigned(),
            ))),
            ChunkerParams::Fixed { block, header } => Rule::Fixed { block, header },
        }))
    }

    /// The length of the next chunk of `data`, which begins at a chunk boundary `position` bytes into the file and holds at
    /// least as much as the longest chunk, or everything up to the end of the file. 0 if there is no data.
    pub fn next_cut(&self, data: &[u8], position: u64) -> usize {
        match self.look(data, position, 0, true) {
            Cut::At(size) | Cut::NotBefore(size) => size,
        }
    }

    /// Sizes of the consecutive chunks of `data` as one whole file.
    pub fn cut(&self, data: &[u8]) -> Vec<usize> {
        let mut sizes = Vec::new();
        let mut position = 0;
        while position < data.len() {
            let size = self.next_cut(&data[position..], position as u64);
            sizes.push(size);
            position += size;
        }
        sizes
    }

    /// Like `next_cut` for any amount of data: `ended` says that nothing follows, `examined` how far an earlier look came.
    pub(super) fn look(&self, data: &[u8], position: u64, examined: usize, ended: bool) -> Cut {
        match &self.0 {
            Rule::Buzhash(buzhash) => buzhash.look(data, examined, ended),
            Rule::Fixed { block, header } => {
                let rest_of_header = (*header as u64).saturating_sub(position);
                let size = match usize::try_from(rest_of_header) {
                    Ok(rest) if rest > 0 => rest.min(*block),
                    _ => *block,
                };
                if data.len() >= size || ended {
                    Cut::At(data.len().min(size))
                } else {
                    Cut::NotBefore(0)
                }
            }
        }
    }

    /// The block size of the fixed chunker and its header; None for other chunkers.
    pub(super) fn fixed(&self) -> Option<(usize, usize)> {
        match self.0 {
            Rule::Buzhash(_) => None,
            Rule::Fixed { block, header } => Some((block, header)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn buzhash(min_exp: u32, max_exp: u32, mask_bits: u32, window: usize) -> ChunkerParams {
        ChunkerParams::Buzhash {
            min_exp,
            max_exp,
            mask_bits,
            window,
        }
    }

    #[test]
    fn limits() {
        for good in [
            buzhash(6, 8, 6, 3),
            buzhash(8, 9, 8, 255),
            buzhash(23 - 1, 23, 23, 1),
            buzhash(19, 23, 21, 4095),
        ] {
            assert!(Chunker::new(good, 0).is_ok(), "{good:?}");
        }
        for bad in [
            buzhash(5, 8, 6, 3),
            buzhash(6, 24, 6, 3),
            buzhash(10, 13, 9, 255),
            buzhash(10, 13, 14, 255),
            buzhash(10, 13, 11, 256),
            buzhash(10, 13, 11, 0),
            buzhash(8, 9, 8, 257),
            buzhash(8, 9, 8, usize::MAX),
            buzhash(10, 10, 10, 1),
        ] {
            assert!(matches!(Chunker::new(bad, 0), Err(Error::Value(_))), "{bad:?}");
        }
        let fixed = |block, header| Chunker::new(ChunkerParams::Fixed { block, header }, 0);
        assert!(fixed(64, 0).is_ok() && fixed(MAX_DATA, MAX_DATA).is_ok());
        assert!(fixed(63, 0).is_err() && fixed(MAX_DATA + 1, 0).is_err() && fixed(64, MAX_DATA + 1).is_err());
    }

    #[test]
    fn fixed_cuts_header_first() {
        let chunker = Chunker::new(
            ChunkerParams::Fixed {
                block: 4096,
                header: 123,
            },
            0,
        )
        .unwrap();
        assert_eq!(chunker.cut(&[0; 10_000]), [123, 4096, 4096, 1685]);
        assert_eq!(chunker.cut(&[0; 100]), [100]);
        let chunker = Chunker::new(
            ChunkerParams::Fixed {
                block: 600,
                header: 1000,
            },
            0,
        )
        .unwrap();
        assert_eq!(chunker.cut(&[0; 2000]), [600, 400, 600, 400]);
        assert_eq!(chunker.cut(&[]), []);
        let chunker = Chunker::new(ChunkerParams::Fixed { block: 100, header: 0 }, 0).unwrap();
        assert_eq!(chunker.cut(&[0; 200]), [100, 100]);
    }
}
