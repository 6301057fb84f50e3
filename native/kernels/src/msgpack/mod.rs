//! Primitives of the msgpack dialect: texts and byte strings are both *raw*, as before msgpack told them apart.
//!
//! | written | length or value |
//! | --- | --- |
//! | a0+n, da u16be, db u32be | raw of up to 31, 65535, more bytes |
//! | 90+n, dc u16be, dd u32be | array of up to 15, 65535, more elements |
//! | 80+n, de u16be, df u32be | map of up to 15, 65535, more entries |
//! | 00..7f, cc, cd, ce, cf and e0..ff, d0..d3 | integers, always the shortest form |
//! | c0, c2, c3 | nil, false, true |
//!
//! Readers also take d9 (raw with an 8 bit length) and c4..c6 (the later binary type) as raw.

mod headers;
mod reading;
mod writing;

pub use headers::{Header, LENGTHS, MAX_DEPTH, read_header, too_deep, truncated};
pub use reading::{Reader, narrow};
pub use writing::{
    write_array_header, write_bool, write_int, write_map_header, write_nil, write_raw, write_raw_header, write_time, write_uint,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(write: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn integers_take_the_shortest_form_and_come_back() {
        for (value, first, length) in [
            (0_i64, 0x00, 1),
            (127, 0x7f, 1),
            (128, 0xcc, 2),
            (255, 0xcc, 2),
            (256, 0xcd, 3),
            (65536, 0xce, 5),
            (1 << 32, 0xcf, 9),
            (-1, 0xff, 1),
            (-32, 0xe0, 1),
            (-33, 0xd0, 2),
            (-129, 0xd1, 3),
            (-32769, 0xd2, 5),
            (i64::MIN, 0xd3, 9),
        ] {
            let data = packed(|out| write_int(out, value));
            assert_eq!((data[0], data.len()), (first, length), "{value}");
            assert_eq!(Reader::new(&data).int().ok(), Some(i128::from(value)));
        }
    }

    #[test]
    fn big_times_are_raw_little_endian() {
        for value in [
            i128::from(i64::MAX),
            1 << 63,
            1 << 64,
            i128::from(i64::MIN),
            i128::from(i64::MIN) - 1,
            i128::MAX,
            i128::MIN,
        ] {
            let data = packed(|out| write_time(out, value));
            assert_eq!(Reader::new(&data).time().ok(), Some(value));
        }
        assert_eq!(packed(|out| write_time(out, 1 << 63)), [0xa9, 0, 0, 0, 0, 0, 0, 0, 0x80, 0]);
        assert_eq!(
            packed(|out| write_time(out, -1 << 63)),
            [0xa9, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff]
        );
    }

    #[test]
    fn claimed_lengths_beyond_the_data_are_errors() {
        for data in [
            &[0xdd, 0xff, 0xff, 0xff, 0xff][..],
            &[0xdf, 0xff, 0xff, 0xff, 0xff, 0],
            &[0xdb, 0xff, 0xff, 0xff, 0xff],
            &[0xa5, 1],
        ] {
            assert!(Reader::new(data).array().is_err());
            assert!(Reader::new(data).map().is_err());
            assert!(Reader::new(data).raw().is_err());
            assert!(Reader::new(data).skip().is_err());
        }
    }

    #[test]
    fn nesting_is_limited() {
        let mut deep = vec![0x91; MAX_DEPTH + 1];
        deep.push(0);
        assert!(Reader::new(&deep).skip().is_err());
        assert!(Reader::new(&deep[1..]).skip().is_ok());
    }
}
