//! Compression specifications as users write them, such as `zstd,3` or `obfuscate,110,auto,lzma,6`.

use super::padding::Padding;
use crate::errors::{Error, Result};

/// A parsed specification.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Method {
    None,
    Lz4,
    Zlib(u32),
    Lzma(u32),
    Zstd(i32),
    /// The inner method if lz4 finds the data compressible and the inner one does better.
    Auto(Box<Method>),
    Obfuscate(Padding, Box<Method>),
}

impl Method {
    pub(super) fn parse(spec: &str) -> Result<Self> {
        let fields: Vec<&str> = spec.split(',').collect();
        Self::from_fields(&fields).ok_or_else(|| Error::value(format!("invalid compression specification: {spec:?}")))
    }

    fn from_fields(fields: &[&str]) -> Option<Self> {
        let (&name, arguments) = fields.split_first()?;
        match (name, arguments) {
            ("none", _) => Some(Self::None),
            ("lz4", _) => Some(Self::Lz4),
            ("zlib", []) => Some(Self::Zlib(6)),
            ("zlib", [level]) => number(level, 0, 9).map(Self::Zlib),
            ("lzma", []) => Some(Self::Lzma(6)),
            ("lzma", [level]) => number(level, 0, 9).map(Self::Lzma),
            ("zstd", []) => Some(Self::Zstd(3)),
            ("zstd", [level]) => number(level, 1, 22).map(|level| Self::Zstd(level.cast_signed())),
            ("auto", [_] | [_, _]) => Some(Self::Auto(Box::new(Self::from_fields(arguments)?))),
            ("obfuscate", [level, inner @ ..]) if (1..=3).contains(&inner.len()) => {
                let padding = Padding::of_level(number(level, 0, 999)?)?;
                Some(Self::Obfuscate(padding, Box::new(Self::from_fields(inner)?)))
            }
            _ => None,
        }
    }
}

fn number(text: &str, least: u32, most: u32) -> Option<u32> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_and_bad_specifications() {
        for good in [
            "none",
            "lz4,7,8",
            "zlib,0",
            "lzma,9",
            "zstd,22",
            "auto,auto,lz4",
            "auto,lzma,3",
            "obfuscate,3,auto,zstd,10",
        ] {
            assert!(Method::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " lz4",
            "LZ4",
            "zlib,",
            "zlib,10",
            "zlib,1,1",
            "zlib,+1",
            "zlib,-1",
            "lzma,10",
            "zstd,0",
            "zstd,23",
            "auto",
            "auto,",
            "auto,zstd,3,4",
            "obfuscate",
            "obfuscate,1",
            "obfuscate,0,none",
            "obfuscate,7,none",
            "obfuscate,109,none",
            "obfuscate,124,none",
            "obfuscate,x,none",
            "obfuscate,1,none,1,2,3",
            "obfuscate,1,zstd,23",
            "gzip",
        ] {
            assert!(matches!(Method::parse(bad), Err(Error::Value(_))), "{bad}");
        }
    }
}
