//! Content for the front before it asks: the small files behind one that is read in archive order.
//!
//! A front that keeps content need not ask for what it has, which saves a reader of many files most of the waiting. A reader
//! who finds everything there is not seen any more, though.
//! So after some bytes nothing is handed over until it asks for something again.

use vinculum_kernels::memory::Shared;

use crate::ahead::Stream;
use crate::contents::Piece;
use crate::tree::Node;

/// So much is handed over at most without a sign of the reader.
const LARGEST_GIFT: usize = 4 * 1024 * 1024;
/// Of larger files several parts are asked for at the same time anyway.
const LARGEST_FILE: u64 = 128 * 1024;
/// How many files are handed over at once.
const MOST_FILES: usize = 32;
/// How many nodes are looked at for that.
const MOST_NODES: usize = 1024;

/// How far handing over has come, and how far it may go.
pub struct Gift {
    /// The node that is next.
    next: u32,
    /// How many bytes may be handed over.
    left: usize,
    /// Whether the front did not take what was next: it can only take content of files that it has heard of.
    is_refused: bool,
}

/// The content of a file.
pub struct Parcel {
    pub node: u32,
    pub parts: Vec<Shared>,
    /// The chunks that these are of.
    pub pieces: Vec<Piece>,
}

/// What is handed over at once: files of one tree, in archive order, for the reader of this number.
pub struct Parcels {
    pub tree: u32,
    pub reader: u64,
    pub files: Vec<Parcel>,
}

impl Gift {
    /// Nothing yet, but what is behind a node may come later.
    pub fn behind(node: u32) -> Self {
        Self {
            next: node + 1,
            left: 0,
            is_refused: false,
        }
    }

    /// The reader is at this node, and chunks come to it so many bytes ahead.
    pub fn renew(&mut self, node: u32, window: usize) {
        self.next = self.next.max(node + 1);
        self.left = window.min(LARGEST_GIFT);
        self.is_refused = false;
    }

    /// The front did not take these files.
    pub fn refuse(&mut self, files: &[Parcel]) {
        for file in files {
            self.next = self.next.min(file.node);
            self.left += file.parts.iter().map(|part| part.len()).sum::<usize>();
        }
        self.is_refused = true;
    }

    /// The front heard of more files; true if that was waited for.
    pub fn resume(&mut self) -> bool {
        std::mem::take(&mut self.is_refused)
    }
}

impl Stream {
    /// The next files whose chunks `find` has.
    pub fn hand_over(&mut self, mut find: impl FnMut(&Piece) -> Option<Shared>) -> Vec<Parcel> {
        let mut parcels = Vec::new();
        let mut reached = None;
        for _ in 0..MOST_NODES {
            if self.gift.is_refused || self.gift.left == 0 || parcels.len() == MOST_FILES {
                break;
            }
            let Some(node) = self.tree.node(self.gift.next) else { break };
            if is_for_handing_over(node) {
                let chunks = self.tree.chunks(self.gift.next);
                let (places, pieces) = self.tree.contents.pieces(&chunks, 0, node.size as usize);
                let parts: Option<Vec<Shared>> = pieces.iter().map(&mut find).collect();
                // Whoever is next has to wait for it.
                let Some(parts) = parts.filter(|parts| is_whole(node, parts)) else {
                    break;
                };
                self.gift.left = self.gift.left.saturating_sub(node.size as usize);
                reached = Some(places.end - 1);
                parcels.push(Parcel {
                    node: self.gift.next,
                    parts,
                    pieces,
                });
            }
            self.gift.next += 1;
        }
        if let Some(chunk) = reached {
            self.reach(chunk);
        }
        parcels
    }
}

/// Damaged files cannot even be opened, unless somebody asked for it.
fn is_for_handing_over(node: &Node) -> bool {
    node.is_file() && !node.is_damaged() && (1..=LARGEST_FILE).contains(&node.size)
}

/// A chunk that is shorter than the archive says is no content.
fn is_whole(node: &Node, parts: &[Shared]) -> bool {
    parts.iter().map(|part| part.len() as u64).sum::<u64>() == node.size
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::{Arc, Mutex};

    use vinculum_kernels::Id;

    use super::*;
    use crate::reading::Reader;
    use crate::tree::Tree;

    const FILE: u32 = 0o100_644;
    const SIZE: u32 = 1000;

    fn content(node: u32) -> Vec<u8> {
        node.to_le_bytes().repeat(SIZE as usize / 4)
    }

    fn id(node: u32) -> Id {
        let mut id = Id::default();
        id[..4].copy_from_slice(&node.to_le_bytes());
        id
    }

    /// Files of one chunk each, with a directory before every tenth.
    fn tree(files: u32) -> Arc<Tree> {
        let mut tree = Tree::new(Node::default());
        for number in 0..files {
            if number % 10 == 0 {
                tree.add_node(Node {
                    mode: 0o040_755,
                    ..Node::default()
                })
                .unwrap();
            }
            let node = tree.add_node(Node::default()).unwrap();
            let chunks = tree.contents.add(std::iter::once((id(node), SIZE, 0))).unwrap();
            *tree.node_mut(node) = Node {
                mode: FILE,
                size: u64::from(SIZE),
                start: chunks.start,
                stop: chunks.end,
                ..Node::default()
            };
        }
        Arc::new(tree)
    }

    fn fetch(reader: &Reader) {
        loop {
            let ids = reader.wanted();
            if ids.is_empty() {
                return;
            }
            let chunks = ids
                .iter()
                .map(|id| Shared::from(content(u32::from_le_bytes(*id.first_chunk().unwrap()))));
            reader.deliver(&ids, &chunks.collect::<Vec<_>>());
        }
    }

    /// Reads a file as the front would, and has fetched what that needs.
    fn read(reader: &Reader, tree: &Arc<Tree>, node: u32) -> Vec<u8> {
        let got = Arc::new(Mutex::new(None));
        let reply = Arc::clone(&got);
        let answer = Box::new(move |parts: Result<Vec<Shared>, crate::Errno>| {
            *reply.lock().unwrap() = Some(parts.unwrap().iter().flat_map(|part| part.to_vec()).collect());
        });
        reader.read(0, tree, node, 0, 4096, answer);
        fetch(reader);
        got.lock().unwrap().take().unwrap()
    }

    /// All that is handed over until somebody asks for something again.
    fn handed(reader: &Reader) -> Vec<u32> {
        let mut nodes = Vec::new();
        while let Some(parcels) = reader.parcels_at_hand() {
            for file in &parcels.files {
                let bytes: Vec<u8> = file.parts.iter().flat_map(|part| part.to_vec()).collect();
                assert_eq!(bytes, content(file.node));
                nodes.push(file.node);
            }
            reader.conclude(&parcels, parcels.files.len());
            fetch(reader);
        }
        nodes
    }

    /// The files from a node on.
    fn files_from(node: u32) -> impl Iterator<Item = u32> {
        (node..).filter(|node| node % 11 != 1)
    }

    #[test]
    fn who_reads_on_gets_more_and_more_files_behind() {
        let (tree, reader) = (tree(5000), Reader::new(1 << 24));
        read(&reader, &tree, 2);
        assert_eq!(handed(&reader), [], "nobody knows yet what is next");
        let (mut last, mut former) = (2, 0);
        while former < 1000 {
            let next = files_from(last + 1).next().unwrap();
            assert_eq!(read(&reader, &tree, next), content(next));
            let files = handed(&reader);
            assert_eq!(files, files_from(next + 1).take(files.len()).collect::<Vec<_>>());
            assert!(files.len() > former);
            (last, former) = (*files.last().unwrap(), files.len());
        }
    }

    #[test]
    fn what_the_front_has_not_heard_of_is_offered_again_when_it_has() {
        let (tree, reader) = (tree(100), Reader::new(1 << 24));
        read(&reader, &tree, 2);
        read(&reader, &tree, 3);
        let parcels = reader.parcels_at_hand().unwrap();
        let refused = parcels.files[5].node;
        reader.conclude(&parcels, 5);
        assert_eq!(handed(&reader), []);
        reader.resume(0);
        assert_eq!(handed(&reader)[0], refused);
    }

    #[test]
    fn who_jumps_about_gets_nothing_and_closing_ends_it() {
        let (tree, reader) = (tree(1000), Reader::new(1 << 24));
        for node in [2, 500, 300, 900] {
            assert_eq!(read(&reader, &tree, node), content(node));
        }
        assert_eq!(handed(&reader), []);
        reader.close();
        assert!(reader.parcels().is_none());
    }

    #[test]
    fn nobody_waits_for_what_nobody_fetches_any_more() {
        let (tree, reader) = (tree(10), Reader::new(1 << 24));
        let failures = Arc::new(Mutex::new(0));
        for is_closed in [false, true] {
            let failures = Arc::clone(&failures);
            if is_closed {
                reader.close();
            }
            let count = Box::new(move |parts: Result<Vec<Shared>, crate::Errno>| {
                *failures.lock().unwrap() += usize::from(parts.is_err())
            });
            reader.read(0, &tree, 2, 0, 4096, count);
        }
        assert_eq!(*failures.lock().unwrap(), 2);
    }
}
