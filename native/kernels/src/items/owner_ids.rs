//! Which ids the names of archived owners have on this machine. Python asks the system; here they are looked up.

use std::collections::{BTreeSet, HashMap};

use super::Item;
use super::acl::{Named, names_in_text};

/// None for names that nobody bears here.
type Ids = HashMap<Vec<u8>, Option<u32>>;

/// Names and ids of users and groups.
#[derive(Clone, Debug, Default)]
pub struct OwnerIds {
    users: Ids,
    groups: Ids,
}

/// Names that are to be looked up.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct UnknownOwners {
    pub users: BTreeSet<Vec<u8>>,
    pub groups: BTreeSet<Vec<u8>>,
}

/// Where an item names owners.
pub struct OwnerTexts<'a> {
    pub user: Option<&'a [u8]>,
    pub group: Option<&'a [u8]>,
    pub acls: [Option<&'a [u8]>; 2],
}

impl OwnerIds {
    pub fn set_user(&mut self, name: Vec<u8>, id: Option<u32>) {
        self.users.insert(name, id);
    }

    pub fn set_group(&mut self, name: Vec<u8>, id: Option<u32>) {
        self.groups.insert(name, id);
    }

    /// The id that a name has here, as far as is known.
    pub fn id(&self, named: Named<'_>) -> Option<u32> {
        match named {
            Named::User(name) => *self.users.get(name)?,
            Named::Group(name) => *self.groups.get(name)?,
        }
    }

    /// Names of users and of groups that occur in an item, in its ACLs too, and have not been set.
    pub fn note_unknown(&self, texts: &OwnerTexts<'_>, unknown: &mut UnknownOwners) {
        note(&self.users, &mut unknown.users, texts.user);
        note(&self.groups, &mut unknown.groups, texts.group);
        for text in texts.acls.into_iter().flatten() {
            let (users, groups) = names_in_text(text);
            note(&self.users, &mut unknown.users, users.iter().map(Vec::as_slice));
            note(&self.groups, &mut unknown.groups, groups.iter().map(Vec::as_slice));
        }
    }

    /// uid and gid that an item's owner has here; None for what shall stay as it is.
    pub fn of(&self, item: &Item, numeric: bool) -> (Option<u32>, Option<u32>) {
        let texts = item.owner_texts();
        let id = |named: Option<Named>, stored: Option<i64>| {
            let by_name = named.filter(|_| !numeric).and_then(|named| self.id(named));
            by_name.or_else(|| stored.and_then(|id| u32::try_from(id).ok()).filter(|&id| id != u32::MAX))
        };
        (
            id(texts.user.map(Named::User), item.uid),
            id(texts.group.map(Named::Group), item.gid),
        )
    }
}

fn note<'a>(known: &Ids, unknown: &mut BTreeSet<Vec<u8>>, names: impl IntoIterator<Item = &'a [u8]>) {
    for name in names {
        if !name.is_empty() && !known.contains_key(name) && !unknown.contains(name) {
            unknown.insert(name.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unknown_once_and_only_until_they_are_set() {
        let mut ids = OwnerIds::default();
        ids.set_user(b"nobody".to_vec(), None);
        ids.set_group(b"staff".to_vec(), Some(50));
        let texts = OwnerTexts {
            user: Some(b"root"),
            group: Some(b""),
            acls: [
                Some(b"user:root:rwx:0\nuser:nobody:rwx:1\nuser:alice:rwx:2\ngroup:staff:r--:3"),
                Some(b"group:games:r--:60"),
            ],
        };
        let mut unknown = UnknownOwners::default();
        ids.note_unknown(&texts, &mut unknown);
        ids.note_unknown(&texts, &mut unknown);
        let names = |names: [&[u8]; 2]| names.map(<[u8]>::to_vec);
        assert!(unknown.users.iter().eq(&names([b"alice", b"root"])));
        assert!(unknown.groups.iter().eq(&[b"games".to_vec()]));
        assert_eq!(ids.id(Named::Group(b"staff")), Some(50));
        assert_eq!(ids.id(Named::User(b"nobody")), None);
    }
}
