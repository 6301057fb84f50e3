//! Item streams become a tree.
//!
//! For each archive: `grow` with each window of its items, which stops where it meets owners whose names it does not know, and
//! is called again when they have been set; at the end `finish_archive`. The merged view takes many archives, the others one.

use std::collections::HashMap;

use vinculum_kernels::errors::{Error, Result};
use vinculum_kernels::items::{ItemView, ItemWindow, UnknownOwners};
use vinculum_kernels::modes::{self, DIRECTORY, TYPE};

use crate::appearance::Appearance;
use crate::describing::{Describer, mode_of};
use crate::paths::{shown, versioned};
use crate::tree::{Node, ROOT, Tree};

/// How far `grow` came, and what it has to tell.
#[derive(Debug, Default)]
pub struct Growth {
    /// The first item that was not taken.
    pub stop: usize,
    /// Names that are to be set, if they are known, before it goes on.
    pub unknown: UnknownOwners,
    /// The paths of links to what is not there.
    pub broken: Vec<Vec<u8>>,
    /// The paths of what is shown without an ACL, because that makes no sense.
    pub senseless: Vec<Vec<u8>>,
}

pub struct Grower {
    appearance: Appearance,
    tree: Tree,
    time: i64,
    describer: Describer,
    /// Archived path -> node of what later links may refer to.
    first_links: HashMap<Vec<u8>, u32>,
    /// The directory that was used last.
    here: (Vec<u8>, u32),
    /// Directory of versions -> how many, and the node of the last.
    versions: HashMap<u32, (u32, u32)>,
}

impl Grower {
    /// `time` is what directories show that no archive describes.
    pub fn new(appearance: Appearance, time: i64) -> Self {
        Self {
            tree: Tree::new(appearance.directory(time)),
            describer: Describer::new(appearance.clone()),
            appearance,
            time,
            first_links: HashMap::new(),
            here: (Vec::new(), ROOT),
            versions: HashMap::new(),
        }
    }

    pub fn set_user(&mut self, name: Vec<u8>, uid: u32) {
        self.describer.set_user(name, uid);
    }

    pub fn set_group(&mut self, name: Vec<u8>, gid: u32) {
        self.describer.set_group(name, gid);
    }

    /// Takes items into the tree, from `start` on: all, or those whose byte in the mask is not zero.
    pub fn grow(&mut self, window: &ItemWindow, start: usize, mask: Option<&[u8]>) -> Result<Growth> {
        if mask.is_some_and(|mask| mask.len() != window.len()) {
            return Err(Error::value("a mask has one byte for each item"));
        }
        let mut growth = Growth {
            stop: start,
            ..Growth::default()
        };
        while growth.stop < window.len() {
            let item = ItemView::parse(window.packed(growth.stop))?;
            growth.unknown = self.describer.unknown_owners(&item);
            if growth.unknown != UnknownOwners::default() {
                break;
            }
            if mask.is_none_or(|mask| mask[growth.stop] != 0) {
                self.take(&item, &mut growth)?;
            } else {
                self.note_hidden(&item, &mut growth)?;
            }
            growth.stop += 1;
        }
        Ok(growth)
    }

    /// Nothing more comes of this archive.
    pub fn finish_archive(&mut self) {
        self.first_links.clear();
    }

    pub fn into_tree(mut self) -> Tree {
        self.tree.finish();
        self.tree
    }

    fn take(&mut self, item: &ItemView, growth: &mut Growth) -> Result<()> {
        if self.is_left_out(item) {
            return Ok(());
        }
        let Some(parts) = shown(item.path, self.appearance.strip) else {
            return self.note_hidden(item, growth);
        };
        if mode_of(item) & TYPE == DIRECTORY {
            let directory = self.directory(&parts)?;
            return self.describe(directory, item, growth);
        }
        let Some((name, parents)) = parts.split_last() else {
            return Ok(()); // something else than a directory as the root
        };
        let node = match item.source {
            Some(source) if is_linkable(item) => match self.find_source(source) {
                Some(node) => node,
                None => {
                    growth.broken.push(item.path.to_vec());
                    return Ok(());
                }
            },
            _ => {
                let node = self.add_node(item, growth)?;
                if is_linkable(item) && self.may_be_linked(item) {
                    self.first_links.insert(item.path.to_vec(), node);
                }
                node
            }
        };
        if self.appearance.versions {
            self.link_version(&parts, name, node, item.source.is_none() && item.chunks.is_none())
        } else {
            let directory = self.directory(parents)?;
            self.tree.link(directory, name, node)
        }
    }

    /// An item that is not shown may be the first link of what is.
    fn note_hidden(&mut self, item: &ItemView, growth: &mut Growth) -> Result<()> {
        if is_linkable(item) && item.source.is_none() && item.hardlink_master != Some(false) && !self.is_left_out(item) {
            let node = self.add_node(item, growth)?;
            self.first_links.insert(item.path.to_vec(), node);
        }
        Ok(())
    }

    /// Parts of files are nothing for most.
    fn is_left_out(&self, item: &ItemView) -> bool {
        item.part.is_some() && !self.appearance.with_parts
    }

    /// Whether later links to it have to be expected that cannot be found by its place in the tree.
    fn may_be_linked(&self, item: &ItemView) -> bool {
        match item.hardlink_master {
            Some(answer) => answer,
            // Old archives do not say. There it is found by its path, unless that is not what the tree shows.
            None => self.appearance.versions || self.appearance.strip > 0,
        }
    }

    fn find_source(&self, source: &[u8]) -> Option<u32> {
        if let Some(&node) = self.first_links.get(source) {
            return Some(node);
        }
        if self.appearance.versions {
            return None;
        }
        let mut node = ROOT;
        for part in shown(source, self.appearance.strip)? {
            node = self.tree.find(node, part)?;
        }
        self.tree.node(node).is_some_and(|node| !node.is_directory()).then_some(node)
    }

    /// The directory of these names, made if it is not there.
    fn directory(&mut self, parts: &[&[u8]]) -> Result<u32> {
        let path = parts.join(&b'/');
        if self.here.0 == path {
            return Ok(self.here.1);
        }
        let mut directory = ROOT;
        for part in parts {
            let found = self.tree.find(directory, part);
            directory = match found.filter(|&node| self.tree.node(node).is_some_and(Node::is_directory)) {
                Some(node) => node,
                None => {
                    let node = self.tree.add_node(self.appearance.directory(self.time))?;
                    self.tree.link(directory, part, node)?;
                    node
                }
            };
        }
        self.here = (path, directory);
        Ok(directory)
    }

    /// Adds a version of a file, unless its content is that of the version before: then the newer attributes count.
    fn link_version(&mut self, parts: &[&[u8]], name: &[u8], node: u32, is_unversioned: bool) -> Result<()> {
        let directory = self.directory(parts)?;
        let is_file = self.tree.node(node).is_some_and(Node::is_file);
        if is_unversioned || !is_file {
            return self.tree.link(directory, name, node);
        }
        let version = match self.versions.get(&directory) {
            None => 1,
            Some(&(number, last)) => {
                let is_same = self.tree.contents.are_equal(&self.tree.chunks(last), &self.tree.chunks(node));
                if is_same { number } else { number + 1 }
            }
        };
        self.versions.insert(directory, (version, node));
        self.tree.link(directory, &versioned(name, version), node)
    }

    fn add_node(&mut self, item: &ItemView, growth: &mut Growth) -> Result<u32> {
        let node = self.tree.add_node(Node::default())?;
        self.describe(node, item, growth)?;
        Ok(node)
    }

    fn describe(&mut self, node: u32, item: &ItemView, growth: &mut Growth) -> Result<()> {
        if !self.describer.describe(&mut self.tree, node, item)? {
            growth.senseless.push(item.path.to_vec());
        }
        Ok(())
    }
}

fn is_linkable(item: &ItemView) -> bool {
    modes::is_linkable(mode_of(item) & TYPE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use vinculum_kernels::items::{Item, ItemWindowDecoder};
    use vinculum_kernels::memory::Shared;
    use vinculum_kernels::modes::FILE;

    fn appearance() -> Appearance {
        Appearance {
            default_uid: 1,
            default_gid: 2,
            forced_uid: None,
            forced_gid: None,
            umask: 0,
            numeric_ids: false,
            strip: 0,
            with_parts: false,
            versions: false,
        }
    }

    fn item(path: &str, mode: u32) -> Item {
        Item {
            path: path.as_bytes().to_vec(),
            mode: Some(mode.into()),
            ..Item::default()
        }
    }

    fn grown(appearance: Appearance, items: &[Item], verdicts: Option<&[u8]>) -> Tree {
        let mut grower = Grower::new(appearance, 7);
        let mut stream = Vec::new();
        for item in items {
            item.encode(&mut stream);
        }
        let window = ItemWindowDecoder::default().feed(&[Shared::from(stream)]).unwrap();
        assert_eq!(grower.grow(&window, 0, verdicts).unwrap().stop, items.len());
        grower.finish_archive();
        grower.into_tree()
    }

    fn paths(tree: &Tree, directory: u32, prefix: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (_, node, name) in tree.list(directory, 0) {
            assert_eq!(tree.find(directory, name), Some(node));
            let path = format!("{prefix}{}", String::from_utf8_lossy(name));
            found.push(path.clone());
            found.extend(paths(tree, node, &format!("{path}/")));
        }
        found
    }

    #[test]
    fn directories_that_are_not_archived_are_made_and_nothing_leads_out() {
        let items = [
            item("a/b/file", FILE | 0o644),
            item("../x", FILE),
            item("a/../y", FILE),
            item("./a//other", FILE),
            item("a", DIRECTORY | 0o700),
        ];
        let tree = grown(appearance(), &items, None);
        assert_eq!(paths(&tree, ROOT, ""), ["a", "a/b", "a/b/file", "a/other"]);
        let a = tree.node(tree.find(ROOT, b"a").unwrap()).unwrap();
        assert_eq!((a.mode, a.links, a.mtime), (0o040_700, 1, 0));
    }

    #[test]
    fn the_first_link_may_be_left_out() {
        let mut first = item("first", FILE);
        first.hardlink_master = Some(true);
        let mut later = item("later", FILE);
        later.source = Some(b"first".to_vec());
        let mut last = later.clone();
        last.path = b"last".to_vec();
        let items = [first, later, last];
        let tree = grown(appearance(), &items, Some(&[0, 1, 1]));
        assert_eq!(paths(&tree, ROOT, ""), ["later", "last"]);
        assert_eq!(tree.find(ROOT, b"later"), tree.find(ROOT, b"last"));
        assert_eq!(tree.node(tree.find(ROOT, b"last").unwrap()).unwrap().links, 2);
        let all = grown(appearance(), &items, None);
        assert_eq!(all.node(all.find(ROOT, b"first").unwrap()).unwrap().links, 3);
    }

    #[test]
    fn a_great_many_names_are_found() {
        let items: Vec<Item> = (0..3000)
            .map(|number| item(&format!("{}/{number}", number % 7), FILE))
            .collect();
        let tree = grown(appearance(), &items, None);
        assert_eq!(paths(&tree, ROOT, "").len(), 3007);
        assert_eq!(tree.find(ROOT, b"8"), None);
    }

    #[test]
    fn an_acl_that_makes_no_sense_is_left_out_and_told() {
        let mut odd = item("odd", FILE | 0o640);
        odd.acl_access = Some(b"user::rw-\nuser:x".to_vec());
        odd.xattrs = Some([(b"user.colour".to_vec(), Some(b"blue".to_vec()))].into());
        let mut directory = item("directory", DIRECTORY | 0o750);
        directory.acl_default = Some(b"what?".to_vec());
        let (mut stream, mut grower) = (Vec::new(), Grower::new(appearance(), 7));
        for item in [odd, directory, item("directory/even", FILE)] {
            item.encode(&mut stream);
        }
        let window = ItemWindowDecoder::default().feed(&[Shared::from(stream)]).unwrap();
        let growth = grower.grow(&window, 0, None).unwrap();
        assert_eq!(growth.unknown.users, [b"x".to_vec()].into());
        let growth = grower.grow(&window, growth.stop, None).unwrap();
        assert_eq!(growth.stop, 3);
        assert_eq!(growth.senseless, [b"odd".to_vec(), b"directory".to_vec()]);
        let tree = grower.into_tree();
        assert_eq!(paths(&tree, ROOT, ""), ["odd", "directory", "directory/even"]);
        assert_eq!(
            tree.xattrs(tree.find(ROOT, b"odd").unwrap()),
            [(b"user.colour".to_vec(), b"blue".to_vec())]
        );
        assert_eq!(tree.xattrs(tree.find(ROOT, b"directory").unwrap()), []);
    }
}
