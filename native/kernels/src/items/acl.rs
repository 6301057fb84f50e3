//! POSIX ACLs: the text that items hold and the binary value of the `system.posix_acl_*` attributes.
//!
//! Text: one entry per line, `type:name:permissions` and for named entries `:id`. Binary: u32le 2, then per entry tag u16le,
//! permissions u16le, id u32le (ffffffff where there is none). Entries are sorted by tag, then id, in both.

use std::collections::HashSet;

use crate::errors::{Error, Result};

const VERSION: u32 = 2;
const NO_ID: u32 = u32::MAX;
const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    tag: u16,
    permissions: u16,
    id: u32,
}

/// An access or default ACL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl(Vec<Entry>);

/// A name that a text mentions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    User(&'a [u8]),
    Group(&'a [u8]),
}

/// Whose name a named entry bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    User(u32),
    Group(u32),
}

impl Acl {
    /// From the value of the attribute; None if it is not of the one known version.
    pub fn from_xattr(value: &[u8]) -> Option<Self> {
        let (version, entries) = value.split_first_chunk()?;
        let (entries, rest) = entries.as_chunks::<8>();
        if u32::from_le_bytes(*version) != VERSION || !rest.is_empty() {
            return None;
        }
        let entry = |&[a, b, c, d, e, f, g, h]: &[u8; 8]| Entry {
            tag: u16::from_le_bytes([a, b]),
            permissions: u16::from_le_bytes([c, d]),
            id: u32::from_le_bytes([e, f, g, h]),
        };
        let mut acl = Self(entries.iter().map(entry).collect());
        acl.sort();
        Some(acl)
    }

    /// The ACL that mode bits amount to.
    pub fn from_mode(mode: u32) -> Self {
        let entry = |tag, shift: u32| Entry {
            tag,
            permissions: (mode >> shift & 7) as u16,
            id: NO_ID,
        };
        Self(vec![entry(USER_OBJ, 6), entry(GROUP_OBJ, 3), entry(OTHER, 0)])
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if it says more than mode bits can.
    pub fn is_extended(&self) -> bool {
        self.0.len() > 3
    }

    pub fn holders(&self) -> impl Iterator<Item = Holder> {
        self.0.iter().filter_map(|entry| match entry.tag {
            USER => Some(Holder::User(entry.id)),
            GROUP => Some(Holder::Group(entry.id)),
            _ => None,
        })
    }

    fn sort(&mut self) {
        self.0.sort_by_key(|entry| (entry.tag, entry.id));
    }

    /// The text as Borg writes it. It keeps the tab that libacl puts before its comment
    /// on permissions which the mask takes away.
    pub fn to_text(&self, name: impl Fn(Holder) -> Option<Vec<u8>>) -> Vec<u8> {
        let mask = self
            .0
            .iter()
            .find(|entry| entry.tag == MASK)
            .map_or(7, |entry| entry.permissions);
        let mut text = Vec::new();
        for entry in &self.0 {
            let (kind, holder) = match entry.tag {
                USER_OBJ => ("user", None),
                USER => ("user", Some(Holder::User(entry.id))),
                GROUP_OBJ => ("group", None),
                GROUP => ("group", Some(Holder::Group(entry.id))),
                MASK => ("mask", None),
                _ => ("other", None),
            };
            if !text.is_empty() {
                text.push(b'\n');
            }
            text.extend_from_slice(kind.as_bytes());
            text.push(b':');
            if let Some(holder) = holder {
                match name(holder) {
                    Some(name) => quote(&name, &mut text),
                    None => text.extend_from_slice(entry.id.to_string().as_bytes()),
                }
            }
            text.push(b':');
            for (bit, letter) in [(4, b'r'), (2, b'w'), (1, b'x')] {
                text.push(if entry.permissions & bit != 0 { letter } else { b'-' });
            }
            if matches!(entry.tag, USER | GROUP_OBJ | GROUP) && entry.permissions & !mask != 0 {
                text.push(b'\t');
            }
            if holder.is_some() {
                text.push(b':');
                text.extend_from_slice(entry.id.to_string().as_bytes());
            }
        }
        text
    }

    /// From Borg's text; `id` knows which ids names have here, and where it does not, the fourth field counts.
    pub fn from_text(text: &[u8], id: impl Fn(Named<'_>) -> Option<u32>) -> Result<Self> {
        let mut acl = Self::default();
        for fields in lines(text) {
            let malformed = || {
                Error::integrity(format!(
                    "malformed ACL entry {}",
                    String::from_utf8_lossy(&fields.join(&b':'))
                ))
            };
            let [kind, name, permissions, ..] = *fields else {
                return Err(malformed());
            };
            let plain = unquote(name);
            let (tag, named) = match (kind, name.is_empty()) {
                (b"user" | b"u", true) => (USER_OBJ, None),
                (b"user" | b"u", false) => (USER, Some(Named::User(&plain))),
                (b"group" | b"g", true) => (GROUP_OBJ, None),
                (b"group" | b"g", false) => (GROUP, Some(Named::Group(&plain))),
                (b"mask" | b"m", true) => (MASK, None),
                (b"other" | b"o", true) => (OTHER, None),
                _ => return Err(malformed()),
            };
            let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse().ok();
            let stored = || fields.get(3).and_then(|field| number(field)).or_else(|| number(name));
            let id = match named {
                Some(named) => id(named).or_else(stored).ok_or_else(malformed)?,
                None => NO_ID,
            };
            let permissions = permission_bits(permissions).ok_or_else(malformed)?;
            acl.0.push(Entry { tag, permissions, id });
        }
        acl.complete();
        Ok(acl)
    }

    /// The kernel refuses named entries without a mask; what it must be then is the union of what it limits.
    fn complete(&mut self) {
        if self.holders().next().is_some() && !self.0.iter().any(|entry| entry.tag == MASK) {
            let limited = self.0.iter().filter(|entry| matches!(entry.tag, USER | GROUP_OBJ | GROUP));
            let permissions = limited.fold(0, |union, entry| union | entry.permissions);
            self.0.push(Entry {
                tag: MASK,
                permissions,
                id: NO_ID,
            });
        }
        self.sort();
    }

    /// The value of the attribute.
    pub fn to_xattr(&self) -> Vec<u8> {
        let mut value = VERSION.to_le_bytes().to_vec();
        for entry in &self.0 {
            value.extend_from_slice(&entry.tag.to_le_bytes());
            value.extend_from_slice(&entry.permissions.to_le_bytes());
            value.extend_from_slice(&entry.id.to_le_bytes());
        }
        value
    }
}

/// User and group names that occur in a text, each once, in order.
pub fn names_in_text(text: &[u8]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut users, mut groups) = (Names::default(), Names::default());
    for fields in lines(text) {
        match *fields {
            [b"user" | b"u", name, ..] => users.add(name),
            [b"group" | b"g", name, ..] => groups.add(name),
            _ => {}
        }
    }
    (users.in_order, groups.in_order)
}

/// Names as they were met.
#[derive(Default)]
struct Names {
    in_order: Vec<Vec<u8>>,
    met: HashSet<Vec<u8>>,
}

impl Names {
    fn add(&mut self, quoted: &[u8]) {
        let name = unquote(quoted);
        if !name.is_empty() && self.met.insert(name.clone()) {
            self.in_order.push(name);
        }
    }
}

/// The fields of each line that is not empty, without comments and the blanks around fields.
fn lines(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|&byte| byte == b'\n').filter_map(|line| {
        let line = line.split(|&byte| byte == b'#').next().unwrap_or_default().trim_ascii();
        (!line.is_empty()).then(|| line.split(|&byte| byte == b':').map(<[u8]>::trim_ascii).collect())
    })
}

fn permission_bits(letters: &[u8]) -> Option<u16> {
    letters.iter().try_fold(0, |bits, letter| {
        Some(
            bits | match letter {
                b'r' => 4,
                b'w' => 2,
                b'x' => 1,
                b'-' => 0,
                _ => return None,
            },
        )
    })
}

/// Names with characters that mean something in the text are written as libacl does: those as three octal digits. A
/// number sign would begin a comment.
fn quote(name: &[u8], text: &mut Vec<u8>) {
    for &byte in name {
        match byte {
            b'\\' => text.extend_from_slice(b"\\\\"),
            b':' | b',' | b' ' | b'\t' | b'\n' | b'\r' | b'#' => text.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            _ => text.push(byte),
        }
    }
}

fn unquote(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'\\', [b'\\', after @ ..]) => {
                plain.push(b'\\');
                rest = after;
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"user::rw-\nuser:daemon:rw-:1\nuser:12345:r--:12345\ngroup::r--\ngroup:games:r--:60\nmask::rwx\nother::r--";

    fn names(holder: Holder) -> Option<Vec<u8>> {
        match holder {
            Holder::User(1) => Some(b"daemon".to_vec()),
            Holder::User(7) => Some(b"DOM\\a b".to_vec()),
            Holder::Group(60) => Some(b"games".to_vec()),
            _ => None,
        }
    }

    fn parse(text: &[u8], numeric_ids: bool) -> Result<Acl> {
        Acl::from_text(text, |named| match named {
            Named::User(b"daemon") if !numeric_ids => Some(1001),
            Named::User(b"DOM\\a b") if !numeric_ids => Some(7),
            _ => None,
        })
    }

    #[test]
    fn text_and_binary_are_two_forms_of_one_thing() {
        let acl = parse(TEXT, true).expect("a sound text");
        assert_eq!(Acl::from_xattr(&acl.to_xattr()).as_ref(), Some(&acl));
        assert_eq!(acl.to_text(names), TEXT);
    }

    #[test]
    fn local_ids_of_names_win_over_stored_ones() {
        let holders: Vec<Holder> = parse(TEXT, false).expect("a sound text").holders().collect();
        assert_eq!(holders, [Holder::User(1001), Holder::User(12345), Holder::Group(60)]);
    }

    #[test]
    fn permissions_beyond_the_mask_are_marked_with_a_tab() {
        let acl = parse(b"user::rwx\nuser:1:rwx:1\ngroup::rwx\nmask::r--\nother::rwx", true).expect("a sound text");
        let text = acl.to_text(|_| None);
        assert_eq!(text, b"user::rwx\nuser:1:rwx\t:1\ngroup::rwx\t\nmask::r--\nother::rwx");
        assert_eq!(parse(&text, true).ok(), Some(acl));
    }

    #[test]
    fn a_missing_mask_is_computed() {
        let acl = parse(b"user::rwx\nuser:5:-wx:5\ngroup::r--\nother::---", true).expect("a sound text");
        assert!(acl.to_text(|_| None).ends_with(b"\nmask::rwx\nother::---"));
    }

    #[test]
    fn names_with_special_characters_survive() {
        let acl = Acl(vec![Entry {
            tag: USER,
            permissions: 7,
            id: 7,
        }]);
        let text = acl.to_text(names);
        assert_eq!(text, b"user:DOM\\\\a\\040b:rwx:7");
        assert_eq!(names_in_text(&text), (vec![b"DOM\\a b".to_vec()], vec![]));
    }

    #[test]
    fn malformed_texts_are_integrity_errors() {
        for text in [
            &b"user:x"[..],
            b"user:nobody-here:rwx",
            b"mask:x:rwx",
            b"what::rwx",
            b"user::rwz",
        ] {
            assert!(
                matches!(parse(text, false), Err(Error::Integrity(_))),
                "{}",
                String::from_utf8_lossy(text)
            );
        }
    }

    #[test]
    fn any_number_of_names_is_listed_once_each() {
        let lines = |kind: &str| -> String { (0..200_000).map(|name| format!("{kind}:{name}:rwx\n")).collect() };
        let text = [lines("user"), lines("group"), lines("user")].concat();
        let (users, groups) = names_in_text(text.as_bytes());
        assert_eq!((users.len(), &users), (200_000, &groups));
        assert_eq!((users[0].as_slice(), users[199_999].as_slice()), (&b"0"[..], &b"199999"[..]));
    }
}
