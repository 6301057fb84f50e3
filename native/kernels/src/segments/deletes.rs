//! DELETE entries, laid out for a segment file.

use super::{DELETE, HEADER, HEADER_AND_KEY};
use crate::Id;
use crate::memory::{self, Shared};

/// One DELETE entry per id, in this order.
pub fn encode_deletes(ids: &[Id]) -> Shared {
    let mut entries = memory::buffer(ids.len() * HEADER_AND_KEY);
    for id in ids {
        let mut checked = [0; HEADER_AND_KEY - 4];
        // Size and tag; the size of a DELETE fits into its lowest byte.
        checked[0] = HEADER_AND_KEY as u8;
        checked[4] = DELETE;
        checked[HEADER - 4..].copy_from_slice(id);
        entries.extend_from_slice(&crc32fast::hash(&checked).to_le_bytes());
        entries.extend_from_slice(&checked);
    }
    Shared::from(entries)
}
