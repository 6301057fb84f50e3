//! Items out of the pieces of an item stream.

use crate::errors::Result;

use super::{Item, ItemFrames};

/// Turns the pieces of an item stream into items.
#[derive(Default)]
pub struct ItemDecoder {
    frames: ItemFrames,
}

impl ItemDecoder {
    /// The items that are complete with this piece.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        self.frames.feed(piece, |packed| {
            items.push(Item::parse(packed)?);
            Ok(())
        })?;
        Ok(items)
    }

    pub fn finish(&mut self) -> Result<()> {
        self.frames.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut out = Vec::new();
        for number in 0..20_i64 {
            let item = Item {
                path: format!("some/path/{number}").into_bytes(),
                mode: Some(0o100_644),
                mtime: Some(1_700_000_000_123_456_789 + i128::from(number)),
                source: (number % 3 == 0).then(|| vec![b'x'; 5000]),
                ..Item::default()
            };
            item.encode(&mut out);
        }
        out
    }

    #[test]
    fn any_cutting_gives_the_same_items() {
        let stream = sample();
        for step in [1, 2, 3, 7, 100, 5000, stream.len()] {
            let mut decoder = ItemDecoder::default();
            let mut again = Vec::new();
            let mut count = 0;
            for piece in stream.chunks(step) {
                for item in decoder.feed(piece).expect("a sound stream") {
                    item.encode(&mut again);
                    count += 1;
                }
            }
            decoder.finish().expect("the end of an item");
            assert_eq!((count, &again), (20, &stream), "pieces of {step}");
        }
    }

    #[test]
    fn an_item_cut_short_is_an_error_at_the_end() {
        let stream = sample();
        let mut decoder = ItemDecoder::default();
        decoder.feed(&stream[..stream.len() - 1]).expect("so far sound");
        assert!(decoder.finish().is_err());
    }

    #[test]
    fn a_claimed_huge_length_is_refused_at_once() {
        for data in [
            &[0xdf, 0xff, 0xff, 0xff, 0xff][..],
            &[0x81, 0xa1, b'k', 0xdb, 0xff, 0xff, 0xff, 0xff],
            &[0x90],
            &[0xc1],
        ] {
            let mut decoder = ItemDecoder::default();
            assert!(decoder.feed(data).is_err());
            assert!(decoder.feed(&[]).is_err(), "nothing is taken after an error");
        }
    }
}
