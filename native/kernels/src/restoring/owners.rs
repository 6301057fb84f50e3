//! Which ids the names of archived owners have on this machine. Python asks the system; here they are looked up.

use std::collections::HashMap;

use crate::items::Item;
use crate::items::acl::names_in_text;

/// Names and ids of users and groups; None for names that nobody bears here.
#[derive(Clone, Debug, Default)]
pub struct OwnerIds {
    users: HashMap<Vec<u8>, Option<u32>>,
    groups: HashMap<Vec<u8>, Option<u32>>,
}

impl OwnerIds {
    pub fn set_user(&mut self, name: Vec<u8>, id: Option<u32>) {
        self.users.insert(name, id);
    }

    pub fn set_group(&mut self, name: Vec<u8>, id: Option<u32>) {
        self.groups.insert(name, id);
    }

    /// Names of users and of groups that occur in an item, in its ACLs too, and are not known yet.
    pub fn note_unknown(&self, item: &Item, users: &mut Vec<Vec<u8>>, groups: &mut Vec<Vec<u8>>) {
        note(&self.users, users, item.user.iter().flatten());
        note(&self.groups, groups, item.group.iter().flatten());
        for text in [&item.acl_access, &item.acl_default].into_iter().flatten() {
            let (user_names, group_names) = names_in_text(text);
            note(&self.users, users, user_names.iter());
            note(&self.groups, groups, group_names.iter());
        }
    }

    /// uid and gid that an item's owner has here; None for what shall stay as it is.
    pub fn of(&self, item: &Item, numeric: bool) -> (Option<u32>, Option<u32>) {
        let id = |known: &HashMap<Vec<u8>, Option<u32>>, name: &Option<Option<Vec<u8>>>, stored: Option<i64>| {
            let name = name.as_ref().and_then(Option::as_ref).filter(|_| !numeric);
            let by_name = name.and_then(|name| known.get(name).copied().flatten());
            by_name.or_else(|| stored.and_then(|id| u32::try_from(id).ok()).filter(|&id| id != u32::MAX))
        };
        (id(&self.users, &item.user, item.uid), id(&self.groups, &item.group, item.gid))
    }

    /// Users and groups that exist here.
    pub fn existing(&self) -> (HashMap<Vec<u8>, u32>, HashMap<Vec<u8>, u32>) {
        let existing = |known: &HashMap<Vec<u8>, Option<u32>>| {
            let pairs = known.iter().filter_map(|(name, id)| Some((name.clone(), (*id)?)));
            pairs.collect()
        };
        (existing(&self.users), existing(&self.groups))
    }
}

fn note<'a>(known: &HashMap<Vec<u8>, Option<u32>>, unknown: &mut Vec<Vec<u8>>, names: impl Iterator<Item = &'a Vec<u8>>) {
    for name in names.filter(|name| !name.is_empty()) {
        if !known.contains_key(name) && !unknown.contains(name) {
            unknown.push(name.clone());
        }
    }
}
