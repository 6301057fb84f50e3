//! What items say about their files, as nodes of a tree have it: owners, times, content, extended attributes.

use vinculum_kernels::errors::Result;
use vinculum_kernels::items::acl::{Acl, Named};
use vinculum_kernels::items::{ItemView, OwnerIds, PackedChunks, PackedXattrs, UnknownOwners};
use vinculum_kernels::modes::{BLOCK_DEVICE, CHARACTER_DEVICE, FILE, SYMLINK, TYPE};

use crate::appearance::Appearance;
use crate::tree::{DAMAGED, Node, Tree};
use crate::xattrs::{Attributes, KnownSets};

/// Type and permissions.
const MODE: i64 = 0o177_777;

/// Describes the nodes of one tree.
pub struct Describer {
    appearance: Appearance,
    owners: OwnerIds,
    sets: KnownSets,
}

impl Describer {
    pub fn new(appearance: Appearance) -> Self {
        Self {
            appearance,
            owners: OwnerIds::default(),
            sets: KnownSets::default(),
        }
    }

    pub fn set_user(&mut self, name: Vec<u8>, uid: u32) {
        self.owners.set_user(name, Some(uid));
    }

    pub fn set_group(&mut self, name: Vec<u8>, gid: u32) {
        self.owners.set_group(name, Some(gid));
    }

    /// The names of users and groups in an item that were not met before. From now on nobody bears them, unless they are set.
    pub fn unknown_owners(&mut self, item: &ItemView) -> UnknownOwners {
        let mut unknown = UnknownOwners::default();
        if !self.appearance.numeric_ids {
            self.owners.note_unknown(&item.owner_texts(), &mut unknown);
        }
        let UnknownOwners { users, groups } = &unknown;
        users.iter().for_each(|name| self.owners.set_user(name.clone(), None));
        groups.iter().for_each(|name| self.owners.set_group(name.clone(), None));
        unknown
    }

    /// Gives a node what an item says about it; links and entries stay. False if an ACL made no sense, and was left out.
    pub fn describe(&mut self, tree: &mut Tree, number: u32, item: &ItemView) -> Result<bool> {
        let (xattrs, is_sensible) = self.attributes(item);
        let xattrs = tree.xattrs.add(&mut self.sets, xattrs)?;
        let former = tree.node(number).cloned().unwrap_or_default();
        let mtime = nanoseconds(item.mtime.unwrap_or_default());
        let (uid, gid) = self.owner(item);
        let mut node = Node {
            size: 0,
            mtime,
            atime: item.atime.map_or(mtime, nanoseconds),
            ctime: item.ctime.map_or(mtime, nanoseconds),
            mode: mode_of(item) & !self.appearance.umask,
            uid,
            gid,
            links: former.links,
            xattrs,
            flags: item.bsdflags.and_then(|flags| u32::try_from(flags).ok()).unwrap_or_default(),
            start: former.start,
            stop: former.stop,
        };
        match mode_of(item) & TYPE {
            FILE => {
                let chunks = tree.contents.add(item.chunks.into_iter().flat_map(PackedChunks::iter))?;
                node.size = tree.contents.size(&chunks);
                (node.start, node.stop) = (chunks.start, chunks.end);
                if item.chunks_healthy.is_some() {
                    node.mode |= DAMAGED;
                    tree.has_damage = true;
                }
            }
            SYMLINK => {
                let target = item.source.unwrap_or_default();
                node.size = target.len() as u64;
                (node.start, node.stop) = tree.names.add_text(target)?;
            }
            CHARACTER_DEVICE | BLOCK_DEVICE => node.start = device(item.rdev.unwrap_or_default()),
            _ => {}
        }
        *tree.node_mut(number) = node;
        Ok(is_sensible)
    }

    fn owner(&self, item: &ItemView) -> (u32, u32) {
        let by_number = |id: Option<i64>| u32::try_from(id?).ok();
        let names = item.owner_texts();
        let uid = || {
            names
                .user
                .and_then(|name| self.owners.id(Named::User(name)))
                .or_else(|| by_number(item.uid))
        };
        let gid = || {
            names
                .group
                .and_then(|name| self.owners.id(Named::Group(name)))
                .or_else(|| by_number(item.gid))
        };
        let Appearance {
            forced_uid,
            forced_gid,
            default_uid,
            default_gid,
            ..
        } = self.appearance;
        (
            forced_uid.or_else(uid).unwrap_or(default_uid),
            forced_gid.or_else(gid).unwrap_or(default_gid),
        )
    }

    /// Extended attributes, and ACLs as the attributes that the system keeps them in; and whether all ACLs could be understood.
    fn attributes(&self, item: &ItemView) -> (Attributes, bool) {
        let mut found = Attributes::new();
        for (name, value) in item.xattrs.map(PackedXattrs::to_map).into_iter().flatten() {
            found.push((name, value.unwrap_or_default()));
        }
        let acls: [(_, &[u8], _); 2] = [
            (item.acl_access, b"system.posix_acl_access", true),
            (item.acl_default, b"system.posix_acl_default", false),
        ];
        let mut is_sensible = true;
        for (text, name, may_be_mode) in acls {
            let Some(text) = text.filter(|text| !text.is_empty()) else {
                continue;
            };
            match Acl::from_text(text, |named| self.owners.id(named)) {
                // No file system keeps an ACL that says no more than the mode.
                Ok(acl) if may_be_mode && !acl.is_extended() => {}
                Ok(acl) => found.push((name.to_vec(), acl.to_xattr())),
                Err(_) => is_sensible = false,
            }
        }
        (found, is_sensible)
    }
}

/// Type and permissions of a file.
pub fn mode_of(item: &ItemView) -> u32 {
    (item.mode.unwrap_or_default() & MODE) as u32
}

fn nanoseconds(time: i128) -> i64 {
    i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}

/// A device number as FUSE has it: 12 bits for the kind of device, 20 for which.
fn device(number: u64) -> u32 {
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}
