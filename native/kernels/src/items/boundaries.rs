//! Where a chunk of an item stream can be read from without the chunks before it.
//!
//! Items straddle chunks, so where the first item of a chunk begins is known only to who read the chunk before. Here it is
//! guessed from how items begin; whoever puts the chunks together finds out whether the guess was right,
//! and passes over it if not.

use crate::msgpack::Reader;

/// Fields are sorted, and every item has a mode: all but some of other systems (their ACLs) begin with one of these.
const FIRST_FIELDS: [&[u8]; 12] = [
    b"acl_access",
    b"acl_default",
    b"atime",
    b"birthtime",
    b"bsdflags",
    b"chunks",
    b"chunks_healthy",
    b"ctime",
    b"gid",
    b"group",
    b"hardlink_master",
    b"mode",
];

/// A place in `data` where one item seems to end and the next to begin; None if there is none.
pub fn find_boundary(data: &[u8]) -> Option<usize> {
    let seems = (0..data.len()).find(|&at| seems_to_be_an_item(&data[at..]))?;
    // A number before a field's name may look like the beginning of an item. The end is the same as if it were one.
    let mut reader = Reader::new(&data[seems..]);
    reader.skip().ok()?;
    Some(seems + reader.position())
}

/// A map whose first key is the name of a field.
pub(super) fn seems_to_be_an_item(data: &[u8]) -> bool {
    let key = match data {
        [0x81..=0x8f, key @ ..] | [0xde, _, _, key @ ..] => key,
        _ => return false,
    };
    FIRST_FIELDS
        .iter()
        .any(|field| key.first() == Some(&(0xa0 | field.len() as u8)) && key[1..].starts_with(field))
}
