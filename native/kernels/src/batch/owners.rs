//! Names of users and groups. Python asks the system for them; kernels only look them up here.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard};

use super::FileBatch;
use crate::items::acl::Holder;
use crate::locks::lock;

type Names = HashMap<u32, Option<Vec<u8>>>;

/// uid -> user name, gid -> group name; None for an id that has no name. Threads may share it.
#[derive(Default)]
pub struct OwnerNames(Mutex<Known>);

#[derive(Default)]
pub struct Known {
    users: Names,
    groups: Names,
}

impl OwnerNames {
    pub fn set_user(&self, uid: u32, name: Option<Vec<u8>>) {
        self.lock().users.insert(uid, name);
    }

    pub fn set_group(&self, gid: u32, name: Option<Vec<u8>>) {
        self.lock().groups.insert(gid, name);
    }

    /// uids and gids that the items of a batch need and that have not been set, sorted.
    pub fn unknown(&self, batch: &FileBatch) -> (Vec<u32>, Vec<u32>) {
        let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
        let known = self.lock();
        batch.each_holder(|holder| match holder {
            Holder::User(uid) if !known.users.contains_key(&uid) => drop(users.insert(uid)),
            Holder::Group(gid) if !known.groups.contains_key(&gid) => drop(groups.insert(gid)),
            _ => {}
        });
        (users.into_iter().collect(), groups.into_iter().collect())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        lock(&self.0)
    }
}

impl Known {
    pub fn name(&self, holder: Holder) -> Option<&Vec<u8>> {
        match holder {
            Holder::User(uid) => self.users.get(&uid)?.as_ref(),
            Holder::Group(gid) => self.groups.get(&gid)?.as_ref(),
        }
    }
}
