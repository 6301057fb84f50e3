//! Items out of a damaged stream: what is whole is found again behind what is not.
//!
//! After damage an item may begin anywhere. It is known by how items begin, and by being one: all of its fields permitted, with
//! a path and a time. Nothing that is found is ever taken apart again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Item;
use super::framing::Progress;
use super::rules::ItemRules;
use crate::errors::Result;
use crate::msgpack::Reader;

const LONGEST_SHOWN: usize = 40;
/// With so many bytes it shows whether an item begins: header and first key fit into them.
const LONGEST_BEGINNING: usize = 40;
/// Nobody reads more of them of one piece, and each takes a hundred times as much memory as an empty map.
const MOST_COMPLAINTS: usize = 1000;
/// Each byte may be looked at so often in search of an item: bytes that are made for it seem to begin one everywhere.
const PATIENCE: usize = 64;
/// So much of what seems to be an item is looked at even after that: most are shorter.
const LEAST_PATIENCE: usize = 1024;

/// The parts of one item stream, put together as far as possible.
pub struct Salvage {
    rules: Arc<ItemRules>,
    pending: Vec<u8>,
    /// How far what the pending bytes begin with has been scanned.
    progress: Progress,
    /// Whether it is unknown where the next item begins.
    is_lost: bool,
    /// How many bytes may be looked at in vain while it is.
    patience: usize,
    unknown_keys: BTreeSet<Vec<u8>>,
}

/// What came out, and what is wrong with the rest.
#[derive(Default)]
pub struct Salvaged {
    pub items: Vec<Item>,
    pub complaints: Vec<String>,
    /// How many complaints there would be more.
    unsaid: usize,
}

impl Salvaged {
    fn complain(&mut self, text: String) {
        if self.complaints.len() < MOST_COMPLAINTS {
            self.complaints.push(text);
        } else {
            self.unsaid += 1;
        }
    }

    fn finished(mut self) -> Self {
        if self.unsaid > 0 {
            self.complaints.push(format!("and {} more of the kind", self.unsaid));
        }
        self
    }
}

impl Salvage {
    pub fn new(rules: Arc<ItemRules>) -> Self {
        Self {
            rules,
            pending: Vec::new(),
            progress: Progress::default(),
            is_lost: false,
            patience: 0,
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
        self.patience = self.patience.saturating_add(piece.len().saturating_mul(PATIENCE));
        let mut salvaged = Salvaged::default();
        let done = self.take(&mut salvaged, false);
        self.pending.drain(..done);
        salvaged.finished()
    }

    /// The next piece is missing. What is left of those before belongs to an item that goes on in it.
    pub fn skip(&mut self) {
        self.pending.clear();
        self.progress = Progress::default();
        self.is_lost = true;
    }

    /// The stream is over.
    pub fn finish(&mut self) -> Salvaged {
        let mut salvaged = Salvaged::default();
        if !self.pending.is_empty() && !self.is_lost {
            salvaged.complain("The item stream ends inside an item.".into());
            self.is_lost = true;
            // Not where it seemed to begin.
            self.pending.drain(..1);
            self.progress = Progress::default();
        }
        self.take(&mut salvaged, true);
        self.pending.clear();
        salvaged.finished()
    }

    /// Takes all items that are complete; returns how many bytes are done with. At the end nothing will be completed any more.
    fn take(&mut self, salvaged: &mut Salvaged, is_end: bool) -> usize {
        let mut done = 0;
        while done < self.pending.len() {
            let taken = if self.is_lost {
                self.search(done, is_end, salvaged)
            } else {
                self.take_next(done, salvaged)
            };
            match taken {
                Some(length) => done += length,
                None => break,
            }
        }
        done
    }

    /// Takes the item at `start`; how long it is, None if that is not known yet.
    fn take_next(&mut self, start: usize, salvaged: &mut Salvaged) -> Option<usize> {
        match self.scan(start, usize::MAX) {
            Ok(length) => {
                let length = length?;
                match self.judge(&self.pending[start..start + length]) {
                    Ok((item, complaints)) => {
                        salvaged.items.push(item);
                        self.note_unknown(start, length);
                        complaints.into_iter().for_each(|text| salvaged.complain(text));
                    }
                    Err(reason) => salvaged.complain(reason),
                }
                Some(length)
            }
            Err(_) => {
                let complaint = "Unpacker crashed while unpacking item metadata, trying to resync...";
                salvaged.complain(complaint.into());
                self.is_lost = true;
                Some(1)
            }
        }
    }

    /// Takes the item at `start` if one begins there, else passes over a byte; None if that cannot be told yet.
    fn search(&mut self, start: usize, is_end: bool, salvaged: &mut Salvaged) -> Option<usize> {
        let rest = &self.pending[start..];
        if !matches!(rest.first(), Some(0x81..=0x8f | 0xde)) {
            return Some(1);
        }
        if rest.len() < LONGEST_BEGINNING && !is_end {
            return None;
        }
        if !self.seems_to_begin(rest) {
            return Some(1);
        }
        let most = self.patience.max(LEAST_PATIENCE);
        let seen = rest.len().min(most);
        match self.scan(start, most) {
            Ok(None) if !is_end && seen < most => return None,
            Ok(Some(length)) => {
                let judged = self.judge(&self.pending[start..start + length]);
                if let Some((item, _)) = judged.ok().filter(|(_, complaints)| complaints.is_empty()) {
                    salvaged.items.push(item);
                    self.is_lost = false;
                    return Some(length);
                }
                self.patience = self.patience.saturating_sub(length);
            }
            _ => self.patience = self.patience.saturating_sub(seen),
        }
        self.progress = Progress::default();
        Some(1)
    }

    /// The length of what begins at `start`, None if it goes on behind the end, or behind `most` bytes. What was scanned once
    /// is not scanned again while more of it comes.
    fn scan(&mut self, start: usize, most: usize) -> Result<Option<usize>> {
        let rest = &self.pending[start..];
        let scanned = self.progress.scan(&rest[..rest.len().min(most)]);
        if scanned.is_err() {
            self.progress = Progress::default();
        }
        scanned
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

#[cfg(test)]
mod tests {
    use super::*;

    fn salvage() -> Salvage {
        Salvage::new(Arc::default())
    }

    fn item(path: &str, chunks: u32) -> Vec<u8> {
        let mut list = crate::chunking::ChunkList::default();
        (0..chunks).for_each(|number| list.push([7; 32], number, 1));
        let mut out = Vec::new();
        let item = Item {
            path: path.into(),
            mtime: Some(5),
            chunks: Some(list),
            ..Item::default()
        };
        item.encode(&mut out);
        out
    }

    fn fed(salvage: &mut Salvage, stream: &[u8], step: usize) -> Vec<Item> {
        let mut items: Vec<Item> = stream.chunks(step).flat_map(|piece| salvage.feed(piece).items).collect();
        items.extend(salvage.finish().items);
        items
    }

    /// To scan all of it anew with each piece would take minutes.
    #[test]
    fn a_long_item_may_come_in_many_pieces() {
        let stream = [item("long", 200_000), item("short", 1)].concat();
        for skips in [false, true] {
            let mut salvage = salvage();
            if skips {
                salvage.skip();
            }
            let items = fed(&mut salvage, &stream, 40);
            let paths: Vec<&[u8]> = items.iter().map(|item| &*item.path).collect();
            assert_eq!(paths, [&b"long"[..], b"short"]);
        }
    }

    /// What seems to begin an item everywhere, each hidden in a value of the one before, so that each seems to be a long one.
    /// To follow all of them to their ends would take minutes.
    #[test]
    fn what_seems_to_begin_everywhere_is_soon_passed_over() {
        let deceit = b"\xde\xff\xff\xa4path\xda\x00\x08".repeat(100_000);
        let mut salvage = salvage();
        salvage.skip();
        let items = fed(&mut salvage, &[deceit, item("real", 3)].concat(), 1 << 20);
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].path, b"real");
    }

    #[test]
    fn what_is_no_item_at_all_is_told_of_so_often_and_no_more() {
        let salvaged = salvage().feed(&[0x80; 5000]);
        assert!(salvaged.items.is_empty());
        assert_eq!(salvaged.complaints.len(), MOST_COMPLAINTS + 1);
        assert_eq!(salvaged.complaints[MOST_COMPLAINTS], "and 4000 more of the kind");
    }
}
