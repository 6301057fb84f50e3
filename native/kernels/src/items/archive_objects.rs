//! Recognising archive objects among all others, for when the list of them is lost.

use crate::Id;
use crate::crypto::Opener;
use crate::errors::{Error, Result};
use crate::msgpack::Reader;

const FIELDS: [&[u8]; 19] = [
    b"chunker_params",
    b"cmdline",
    b"comment",
    b"csize",
    b"cwd",
    b"hostname",
    b"items",
    b"name",
    b"nfiles",
    b"recreate_args",
    b"recreate_cmdline",
    b"recreate_partial_chunks",
    b"recreate_source_id",
    b"size",
    b"tam",
    b"time",
    b"time_end",
    b"username",
    b"version",
];

/// What was found among objects, by their places.
#[derive(Default)]
pub struct Candidates {
    pub archives: Vec<usize>,
    pub damaged: Vec<(usize, String)>,
}

/// Opens objects, on several cores if there is enough to do, and finds those that seem to describe archives.
pub fn find_archives(opener: &Opener, stored: &[&[u8]], ids: &[Id]) -> Result<Candidates> {
    let mut found = Candidates::default();
    let opened = opener.try_each(stored, ids, |_, plain| seems_to_be_an_archive(&plain))?;
    for (place, seems) in opened.into_iter().enumerate() {
        match seems {
            Ok(true) => found.archives.push(place),
            Ok(false) => {}
            Err(Error::Integrity(reason)) => found.damaged.push((place, reason)),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// A map that begins like an archive object and has what all of them have somewhere.
fn seems_to_be_an_archive(plain: &[u8]) -> bool {
    matches!(plain.first(), Some(0x81..=0x8f | 0xde))
        && Reader::new(plain).first_key().is_some_and(|key| FIELDS.contains(&key))
        && contains(plain, b"cmdline")
        && contains(plain, b"\xa7version\x01")
}

fn contains(data: &[u8], wanted: &[u8]) -> bool {
    data.windows(wanted.len()).any(|bytes| bytes == wanted)
}
