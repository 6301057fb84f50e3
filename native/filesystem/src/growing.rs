//! Item streams become a tree.
//!
//! For each archive: `grow` with each window of its items, which stops where it meets owners whose names it does not know, and
//! is called again when they have been set; at the end `finish_archive`. The merged view takes many archives, the others one.

use std::collections::HashMap;

use vinculum_kernels::errors::{Error, Result};
use vinculum_kernels::items::acl::{Acl, names_in_text};
use vinculum_kernels::items::{ItemView, ItemWindow, PackedChunks, PackedXattrs};

use crate::names::LONGEST_NAME;
use crate::tree::{DAMAGED, Node, ROOT, Tree};
use crate::xattrs::{Attributes, KnownSets};

const TYPE: i64 = 0o170_000;
const FIFO: i64 = 0o010_000;
const CHARACTER_DEVICE: i64 = 0o020_000;
const DIRECTORY: i64 = 0o040_000;
const BLOCK_DEVICE: i64 = 0o060_000;
const FILE: i64 = 0o100_000;
const SYMLINK: i64 = 0o120_000;
const IMPLIED_DIRECTORY: u32 = 0o040_755;

/// How files are shown.
#[derive(Clone)]
pub struct Appearance {
    /// Whose files are if nobody else is named: who mounts.
    pub default_uid: u32,
    pub default_gid: u32,
    /// Whose all files are, whatever the archive says.
    pub forced_uid: Option<u32>,
    pub forced_gid: Option<u32>,
    pub umask: u32,
    pub numeric_ids: bool,
    /// How many leading parts of each path are dropped.
    pub strip: usize,
    pub with_parts: bool,
    /// All versions of a file side by side, in a directory of its name.
    pub versions: bool,
}

impl Appearance {
    /// A directory that no archive describes.
    pub fn directory(&self, time: i64) -> Node {
        Node {
            mode: IMPLIED_DIRECTORY & !self.umask,
            uid: self.forced_uid.unwrap_or(self.default_uid),
            gid: self.forced_gid.unwrap_or(self.default_gid),
            links: 1,
            mtime: time,
            atime: time,
            ctime: time,
            ..Node::default()
        }
    }
}

/// How far `grow` came, and what it has to tell.
#[derive(Debug, Default)]
pub struct Growth {
    /// The first item that was not taken.
    pub stop: usize,
    /// Names of users and groups that are to be set, if they are known, before it goes on.
    pub users: Vec<Vec<u8>>,
    pub groups: Vec<Vec<u8>>,
    /// The paths of links to what is not there.
    pub broken: Vec<Vec<u8>>,
}

type Ids = HashMap<Vec<u8>, Option<u32>>;

pub struct Grower {
    appearance: Appearance,
    tree: Tree,
    time: i64,
    users: Ids,
    groups: Ids,
    sets: KnownSets,
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
            appearance,
            time,
            users: Ids::new(),
            groups: Ids::new(),
            sets: KnownSets::default(),
            first_links: HashMap::new(),
            here: (Vec::new(), ROOT),
            versions: HashMap::new(),
        }
    }

    pub fn set_user(&mut self, name: Vec<u8>, uid: u32) {
        self.users.insert(name, Some(uid));
    }

    pub fn set_group(&mut self, name: Vec<u8>, gid: u32) {
        self.groups.insert(name, Some(gid));
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
            self.note_unknown(&item, &mut growth);
            if !growth.users.is_empty() || !growth.groups.is_empty() {
                break;
            }
            if !self.take(&item, mask.is_none_or(|mask| mask[growth.stop] != 0))? {
                growth.broken.push(item.path.to_vec());
            }
            growth.stop += 1;
        }
        Ok(growth)
    }

    /// Names that were not met before count as unknown unless they are set.
    fn note_unknown(&mut self, item: &ItemView, growth: &mut Growth) {
        if self.appearance.numeric_ids {
            return;
        }
        let note = |known: &mut Ids, unknown: &mut Vec<Vec<u8>>, name: &[u8]| {
            if !known.contains_key(name) {
                known.insert(name.to_vec(), None);
                unknown.push(name.to_vec());
            }
        };
        if let Some(Some(user)) = item.user {
            note(&mut self.users, &mut growth.users, user);
        }
        if let Some(Some(group)) = item.group {
            note(&mut self.groups, &mut growth.groups, group);
        }
        for text in [item.acl_access, item.acl_default].into_iter().flatten() {
            let (users, groups) = names_in_text(text);
            users.iter().for_each(|name| note(&mut self.users, &mut growth.users, name));
            groups
                .iter()
                .for_each(|name| note(&mut self.groups, &mut growth.groups, name));
        }
    }

    /// Nothing more comes of this archive.
    pub fn finish_archive(&mut self) {
        self.first_links.clear();
    }

    pub fn into_tree(mut self) -> Tree {
        self.tree.finish();
        self.tree
    }

    /// False for a link to what is not there.
    fn take(&mut self, item: &ItemView, is_wanted: bool) -> Result<bool> {
        if item.part.is_some() && !self.appearance.with_parts {
            return Ok(true);
        }
        let mode = item.mode.unwrap_or_default();
        let is_linkable = matches!(mode & TYPE, FILE | BLOCK_DEVICE | CHARACTER_DEVICE | FIFO);
        let parts = is_wanted.then(|| shown_path(item.path, self.appearance.strip)).flatten();
        let Some(parts) = parts else {
            if is_linkable && item.source.is_none() && item.hardlink_master != Some(false) {
                let node = self.add_node(item)?;
                self.first_links.insert(item.path.to_vec(), node);
            }
            return Ok(true);
        };
        if mode & TYPE == DIRECTORY {
            let directory = self.directory(&parts)?;
            self.describe(directory, item)?;
            return Ok(true);
        }
        let Some((name, parents)) = parts.split_last() else {
            return Ok(true); // something else than a directory as the root
        };
        let node = match item.source {
            Some(source) if is_linkable => match self.find_source(source) {
                Some(node) => node,
                None => return Ok(false),
            },
            _ => {
                let node = self.add_node(item)?;
                if is_linkable && self.may_be_linked(item) {
                    self.first_links.insert(item.path.to_vec(), node);
                }
                node
            }
        };
        if self.appearance.versions {
            self.link_version(&parts, name, node, item.source.is_none() && item.chunks.is_none())?;
        } else {
            let directory = self.directory(parents)?;
            self.tree.link(directory, name, node)?;
        }
        Ok(true)
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
        for part in shown_path(source, self.appearance.strip)? {
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
        let is_file = i64::from(self.tree.node(node).map_or(0, |node| node.mode & !DAMAGED)) & TYPE == FILE;
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

    fn add_node(&mut self, item: &ItemView) -> Result<u32> {
        let node = self.tree.add_node(Node::default())?;
        self.describe(node, item)?;
        Ok(node)
    }

    /// Gives a node what an item says about it; links and entries stay.
    fn describe(&mut self, number: u32, item: &ItemView) -> Result<()> {
        let mode = item.mode.unwrap_or_default();
        let xattrs = self.attributes(item)?;
        let xattrs = self.tree.xattrs.add(&mut self.sets, xattrs)?;
        let former = self.tree.node(number).cloned().unwrap_or_default();
        let mtime = nanoseconds(item.mtime.unwrap_or_default());
        let appearance = &self.appearance;
        let uid = owner(
            appearance.forced_uid,
            item.user,
            &self.users,
            item.uid,
            appearance.default_uid,
        );
        let gid = owner(
            appearance.forced_gid,
            item.group,
            &self.groups,
            item.gid,
            appearance.default_gid,
        );
        let mut node = Node {
            size: 0,
            mtime,
            atime: item.atime.map_or(mtime, nanoseconds),
            ctime: item.ctime.map_or(mtime, nanoseconds),
            mode: (mode & 0o177_777) as u32 & !appearance.umask,
            uid,
            gid,
            links: former.links,
            xattrs,
            flags: item.bsdflags.and_then(|flags| u32::try_from(flags).ok()).unwrap_or_default(),
            start: former.start,
            stop: former.stop,
        };
        match mode & TYPE {
            FILE => {
                let chunks = self.tree.contents.add(item.chunks.into_iter().flat_map(PackedChunks::iter))?;
                node.size = self.tree.contents.size(&chunks);
                (node.start, node.stop) = (chunks.start, chunks.end);
                if item.chunks_healthy.is_some() {
                    node.mode |= DAMAGED;
                    self.tree.has_damage = true;
                }
            }
            SYMLINK => {
                let target = item.source.unwrap_or_default();
                node.size = target.len() as u64;
                (node.start, node.stop) = self.tree.names.add_text(target)?;
            }
            CHARACTER_DEVICE | BLOCK_DEVICE => node.start = device(item.rdev.unwrap_or_default()),
            _ => {}
        }
        *self.tree.node_mut(number) = node;
        Ok(())
    }

    /// Extended attributes, and ACLs as the attributes that the system keeps them in.
    fn attributes(&self, item: &ItemView) -> Result<Attributes> {
        let mut found = Attributes::new();
        for (name, value) in item.xattrs.map(PackedXattrs::to_map).into_iter().flatten() {
            found.push((name, value.unwrap_or_default()));
        }
        let acls: [(_, &[u8], _); 2] = [
            (item.acl_access, b"system.posix_acl_access", true),
            (item.acl_default, b"system.posix_acl_default", false),
        ];
        for (text, name, may_be_mode) in acls {
            let Some(text) = text.filter(|text| !text.is_empty()) else {
                continue;
            };
            let ids = |names: &Ids| -> HashMap<Vec<u8>, u32> {
                let known = names.iter().filter_map(|(name, id)| Some((name.clone(), (*id)?)));
                known.collect()
            };
            let acl = Acl::from_text(text, self.appearance.numeric_ids, &ids(&self.users), &ids(&self.groups))?;
            // No file system keeps an ACL that says no more than the mode.
            if !may_be_mode || acl.is_extended() {
                found.push((name.to_vec(), acl.to_xattr()));
            }
        }
        Ok(found)
    }
}

/// The parts of a path as it is shown; None if it is not. What leads upwards is not either.
fn shown_path(path: &[u8], strip: usize) -> Option<Vec<&[u8]>> {
    let mut parts: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    if strip > 0 {
        if parts.len() <= strip {
            return None;
        }
        parts.drain(..strip);
    }
    parts.retain(|part| !part.is_empty() && part != b".");
    let is_sound = parts
        .iter()
        .all(|part| part != b".." && part.len() <= LONGEST_NAME && !part.contains(&0));
    is_sound.then_some(parts)
}

/// `name.00001`, with the ending last, so that programs know what it is.
fn versioned(name: &[u8], version: u32) -> Vec<u8> {
    let leading_dots = name.iter().take_while(|&&byte| byte == b'.').count();
    let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot >= leading_dots);
    let (stem, ending) = name.split_at(dot.unwrap_or(name.len()));
    [stem, format!(".{version:05}").as_bytes(), ending].concat()
}

fn owner(forced: Option<u32>, name: Option<Option<&[u8]>>, known: &Ids, id: Option<i64>, default: u32) -> u32 {
    let by_name = || *known.get(name??)?;
    let by_number = || u32::try_from(id?).ok();
    forced.or_else(by_name).or_else(by_number).unwrap_or(default)
}

fn nanoseconds(time: i128) -> i64 {
    i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}

/// A device number as FUSE has it: 12 bits for the kind of device, 20 for which.
fn device(number: u64) -> u32 {
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use vinculum_kernels::items::{Item, ItemWindowDecoder};
    use vinculum_kernels::memory::Shared;

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

    fn item(path: &str, mode: i64) -> Item {
        Item {
            path: path.as_bytes().to_vec(),
            mode: Some(mode),
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
    fn endings_stay_last() {
        for (name, wanted) in [
            ("name", "name.00012"),
            ("name.tar.gz", "name.tar.00012.gz"),
            (".hidden", ".hidden.00012"),
            ("..odd", "..odd.00012"),
            (".a.b", ".a.00012.b"),
            ("dot.", "dot.00012."),
        ] {
            assert_eq!(versioned(name.as_bytes(), 12), wanted.as_bytes());
        }
    }
}
