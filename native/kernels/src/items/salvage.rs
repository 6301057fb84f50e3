//! Items out of a damaged stream: what is whole is found again behind what is not.
//!
//! After damage an item may begin anywhere. It is known by how items begin, and by being one: all of its fields permitted, with
//! a path and a time. Nothing that is found is ever taken apart again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Item;
use super::framing::scan_item;
use super::msgpack::Reader;
use super::rules::ItemRules;
use crate::errors::Result;

const LONGEST_SHOWN: usize = 40;
/// With so many bytes it shows whether an item begins: header and first key fit into them.
const LONGEST_BEGINNING: usize = 40;

/// The parts of one item stream, put together as far as possible.
pub struct Salvage {
    rules: Arc<ItemRules>,
    pending: Vec<u8>,
    /// Whether it is unknown where the next item begins.
    is_lost: bool,
    unknown_keys: BTreeSet<Vec<u8>>,
}

/// What came out, and what is wrong with the rest.
#[derive(Default)]
pub struct Salvaged {
    pub items: Vec<Item>,
    pub complaints: Vec<String>,
}

impl Salvage {
    pub fn new(rules: Arc<ItemRules>) -> Self {
        Self {
            rules,
            pending: Vec::new(),
            is_lost: false,
            unknown_keys: BTreeSet::new(),
        }
    }

    /// Field names that nobody knows, of items that were kept nevertheless.
    pub fn unknown_keys(&self) -> impl Iterator<Item = &[u8]> {
        self.unknown_keys.iter().map(Vec::as_slice)
    }

    /// Takes the next piece of the stream.
    pub fn feed(&mut self, piece: &[u8]) -> Salvaged {
        self.pending.extend_from_slice(piece);
        let mut salvaged = Salvaged::default();
        let done = self.take(&mut salvaged, false);
        self.pending.drain(..done);
        salvaged
    }

    /// The next piece is missing. What is left of those before belongs to an item that goes on in it.
    pub fn skip(&mut self) {
        self.pending.clear();
        self.is_lost = true;
    }

    /// The stream is over.
    pub fn finish(&mut self) -> Salvaged {
        let mut salvaged = Salvaged::default();
        if !self.pending.is_empty() && !self.is_lost {
            salvaged.complaints.push("The item stream ends inside an item.".into());
            self.is_lost = true;
            // Not where it seemed to begin.
            self.pending.drain(..1);
        }
        self.take(&mut salvaged, true);
        self.pending.clear();
        salvaged
    }

    /// Takes all items that are complete; returns how many bytes are done with. At the end nothing will be completed any more.
    fn take(&mut self, salvaged: &mut Salvaged, is_end: bool) -> usize {
        let mut done = 0;
        while done < self.pending.len() {
            let rest = &self.pending[done..];
            if self.is_lost {
                if !matches!(rest.first(), Some(0x81..=0x8f | 0xde)) {
                    done += 1;
                    continue;
                }
                if rest.len() < LONGEST_BEGINNING && !is_end {
                    return done;
                }
                if !self.seems_to_begin(rest) {
                    done += 1;
                    continue;
                }
                match scan_item(rest) {
                    Ok(None) if !is_end => return done,
                    Ok(Some(length)) => match self.judge(&rest[..length]) {
                        Ok((item, complaints)) if complaints.is_empty() => {
                            salvaged.items.push(item);
                            self.is_lost = false;
                            done += length;
                        }
                        _ => done += 1,
                    },
                    _ => done += 1,
                }
                continue;
            }
            match scan_item(rest) {
                Ok(None) => return done,
                Ok(Some(length)) => {
                    match self.judge(&rest[..length]) {
                        Ok((item, complaints)) => {
                            salvaged.items.push(item);
                            self.note_unknown(done, length);
                            salvaged.complaints.extend(complaints);
                        }
                        Err(reason) => salvaged.complaints.push(reason),
                    }
                    done += length;
                }
                Err(_) => {
                    let complaint = "Unpacker crashed while unpacking item metadata, trying to resync...";
                    salvaged.complaints.push(complaint.into());
                    self.is_lost = true;
                    done += 1;
                }
            }
        }
        done
    }

    /// Whether the first key of the map is the name of a field.
    fn seems_to_begin(&self, data: &[u8]) -> bool {
        let key = Reader::new(data).first_key();
        key.is_some_and(|key| self.rules.permit(key))
    }

    /// The item and what is odd about it, or why it is none.
    fn judge(&self, packed: &[u8]) -> std::result::Result<(Item, Vec<String>), String> {
        let what = "Did not get expected metadata dict when unpacking item metadata";
        let keys = keys(packed).map_err(|error| format!("{what} ({error})"))?;
        let missing: Vec<&str> = ["mtime", "path"]
            .into_iter()
            .filter(|needed| !keys.contains(&needed.as_bytes()))
            .collect();
        if !missing.is_empty() {
            return Err(format!("{what} (missing required keys: {})", missing.join(", ")));
        }
        let item = Item::parse(packed).map_err(|error| format!("{what} ({error})"))?;
        let unknown: BTreeSet<&[u8]> = keys.into_iter().filter(|key| !self.rules.permit(key)).collect();
        if unknown.is_empty() {
            return Ok((item, Vec::new()));
        }
        let shown: Vec<_> = unknown
            .into_iter()
            .map(|key| String::from_utf8_lossy(&key[..key.len().min(LONGEST_SHOWN)]))
            .collect();
        Ok((item, vec![format!("{what} (invalid keys: {})", shown.join(", "))]))
    }

    fn note_unknown(&mut self, start: usize, length: usize) {
        if let Ok(keys) = keys(&self.pending[start..start + length]) {
            let unknown = keys.into_iter().filter(|key| !self.rules.permit(key));
            self.unknown_keys.extend(unknown.map(<[u8]>::to_vec));
        }
    }
}

/// The names of an item's fields.
fn keys(packed: &[u8]) -> Result<Vec<&[u8]>> {
    let mut reader = Reader::new(packed);
    let mut keys = Vec::new();
    for _ in 0..reader.map()? {
        keys.push(reader.raw()?);
        reader.skip()?;
    }
    Ok(keys)
}
