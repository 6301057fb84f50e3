//! The inodes and names of one archive (or of the merged view of many): built once, then only read.
//!
//! Invariants: node 0 is the root directory; the entries of a directory form a chain in the order in which they were added; an
//! entry is found by its directory and name in a table of open addresses. A file takes about 100 bytes,
//! its name and 40 for each chunk.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use vinculum_kernels::errors::{Error, Result};
use vinculum_kernels::modes::{DIRECTORY, FILE, SYMLINK, TYPE};

use crate::contents::Contents;
use crate::names::Names;
use crate::xattrs::AttributeSets;

pub const ROOT: u32 = 0;
/// In `Node::mode`, beyond what the system uses: chunks of this file were lost.
pub const DAMAGED: u32 = 1 << 31;

/// An inode.
#[derive(Clone, Default)]
pub struct Node {
    pub size: u64,
    pub mtime: i64,
    pub atime: i64,
    pub ctime: i64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u32,
    pub xattrs: u32,
    /// BSD flags.
    pub flags: u32,
    /// Files: the first chunk. Directories: the first entry, plus one. Symlinks: where the target is. Devices: their number.
    pub start: u32,
    /// Files: behind the last chunk. Directories: the last entry, plus one. Symlinks: the length of the target.
    pub stop: u32,
}

impl Node {
    pub fn is_directory(&self) -> bool {
        self.mode & TYPE == DIRECTORY
    }

    pub fn is_symlink(&self) -> bool {
        self.mode & TYPE == SYMLINK
    }

    /// Devices are none; but --read-special stores them as regular files.
    pub fn is_file(&self) -> bool {
        self.mode & TYPE == FILE
    }

    pub fn is_damaged(&self) -> bool {
        self.mode & DAMAGED != 0
    }

    fn chunks(&self) -> Range<u32> {
        if self.is_file() { self.start..self.stop } else { 0..0 }
    }
}

struct Entry {
    directory: u32,
    node: u32,
    name: u32,
    /// The next in the directory, plus one.
    next: u32,
}

#[derive(Default)]
pub struct Tree {
    nodes: Vec<Node>,
    entries: Vec<Entry>,
    /// Entries, plus one; a power of two, at most two thirds in use.
    table: Vec<u32>,
    hasher: RandomState,
    pub(crate) names: Names,
    pub(crate) contents: Contents,
    pub(crate) xattrs: AttributeSets,
    pub(crate) has_damage: bool,
}

impl Tree {
    pub fn new(root: Node) -> Self {
        Self {
            nodes: vec![root],
            ..Self::default()
        }
    }

    // -- looking ----------------------------------------------------------------------------------------------------------

    pub fn node(&self, node: u32) -> Option<&Node> {
        self.nodes.get(node as usize)
    }

    pub fn find(&self, directory: u32, name: &[u8]) -> Option<u32> {
        Some(self.entries[self.find_entry(directory, name).ok()?].node)
    }

    /// The entries of a directory behind the one that `after` refers to; each with what refers to it, none of them 0.
    pub fn list(&self, directory: u32, after: u32) -> impl Iterator<Item = (u32, u32, &[u8])> {
        let first = match after {
            0 => self
                .node(directory)
                .filter(|node| node.is_directory())
                .map_or(0, |node| node.start),
            after => self.entries.get(after as usize - 1).map_or(0, |entry| entry.next),
        };
        let mut next = first;
        std::iter::from_fn(move || {
            let reference = next;
            let entry = self.entries.get((reference as usize).checked_sub(1)?)?;
            next = entry.next;
            Some((reference, entry.node, self.names.get(entry.name)))
        })
    }

    /// What a symlink points to; None if it is none.
    pub fn target(&self, node: u32) -> Option<&[u8]> {
        let node = self.node(node).filter(|node| node.is_symlink())?;
        Some(self.names.text(node.start, node.stop))
    }

    pub fn xattrs(&self, node: u32) -> &[(Vec<u8>, Vec<u8>)] {
        self.node(node).map_or(&[], |node| self.xattrs.get(node.xattrs))
    }

    pub(crate) fn chunks(&self, node: u32) -> Range<u32> {
        self.node(node).map_or(0..0, Node::chunks)
    }

    /// Whether any file lost chunks.
    pub fn has_damage(&self) -> bool {
        self.has_damage
    }

    // -- growing ----------------------------------------------------------------------------------------------------------

    pub(crate) fn node_mut(&mut self, node: u32) -> &mut Node {
        &mut self.nodes[node as usize]
    }

    /// A node without a name.
    pub(crate) fn add_node(&mut self, node: Node) -> Result<u32> {
        let number = u32::try_from(self.nodes.len()).map_err(|_| too_many())?;
        self.nodes.push(node);
        Ok(number)
    }

    /// Gives a node a name, taking it from another that has it.
    pub(crate) fn link(&mut self, directory: u32, name: &[u8], node: u32) -> Result<()> {
        if !self.nodes[node as usize].is_directory() {
            self.nodes[node as usize].links += 1;
        }
        let slot = match self.find_entry(directory, name) {
            Ok(entry) => {
                let former = std::mem::replace(&mut self.entries[entry].node, node);
                let former = &mut self.nodes[former as usize];
                if !former.is_directory() {
                    former.links -= 1;
                }
                return Ok(());
            }
            Err(slot) => slot,
        };
        let reference = u32::try_from(self.entries.len() + 1).map_err(|_| too_many())?;
        let name = self.names.add(name)?;
        self.entries.push(Entry {
            directory,
            node,
            name,
            next: 0,
        });
        let parent = &mut self.nodes[directory as usize];
        match parent.stop {
            0 => parent.start = reference,
            last => self.entries[last as usize - 1].next = reference,
        }
        parent.stop = reference;
        if self.entries.len() * 3 > self.table.len() * 2 {
            self.grow_table();
        } else {
            self.table[slot] = reference;
        }
        Ok(())
    }

    /// Gives back what was only needed for growing.
    pub(crate) fn finish(&mut self) {
        self.nodes.shrink_to_fit();
        self.entries.shrink_to_fit();
        self.names.shrink();
        self.contents.shrink();
    }

    /// The entry, or the slot in the table that is free for it.
    fn find_entry(&self, directory: u32, name: &[u8]) -> std::result::Result<usize, usize> {
        if self.table.is_empty() {
            return Err(0);
        }
        let mut slot = self.first_slot(directory, name);
        loop {
            match self.table[slot] {
                0 => return Err(slot),
                reference => {
                    let index = reference as usize - 1;
                    let entry = &self.entries[index];
                    if entry.directory == directory && self.names.get(entry.name) == name {
                        return Ok(index);
                    }
                }
            }
            slot = (slot + 1) & (self.table.len() - 1);
        }
    }

    fn first_slot(&self, directory: u32, name: &[u8]) -> usize {
        self.hasher.hash_one((directory, name)) as usize & (self.table.len() - 1)
    }

    fn grow_table(&mut self) {
        self.table = vec![0; (self.entries.len() * 3).next_power_of_two().max(16)];
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            let mut slot = self.first_slot(entry.directory, self.names.get(entry.name));
            while self.table[slot] != 0 {
                slot = (slot + 1) & (self.table.len() - 1);
            }
            self.table[slot] = index as u32 + 1;
        }
    }
}

fn too_many() -> Error {
    Error::value("an archive has too many files to be mounted")
}
