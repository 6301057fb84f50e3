//! The values of an item by the keys of listings.

use std::fmt::Display;
use std::io::Write;

use crate::items::ItemView;
use crate::modes;

use super::clock::Clock;
use super::text::{count_characters, push_displayed};

/// What a listing can show of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Type,
    Mode,
    User,
    Group,
    Uid,
    Gid,
    Path,
    PathBytes,
    Healthy,
    Health,
    Source,
    Extra,
    Flags,
    Size,
    StoredSize,
    ChunkCount,
    Time(Stamp),
    IsoTime(Stamp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    Modified,
    Changed,
    Accessed,
}

impl Key {
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "type" => Self::Type,
            "mode" => Self::Mode,
            "user" => Self::User,
            "group" => Self::Group,
            "uid" => Self::Uid,
            "gid" => Self::Gid,
            "path" => Self::Path,
            "bpath" => Self::PathBytes,
            "healthy" => Self::Healthy,
            "health" => Self::Health,
            "source" | "linktarget" => Self::Source,
            "extra" => Self::Extra,
            "flags" => Self::Flags,
            "size" => Self::Size,
            "csize" => Self::StoredSize,
            "num_chunks" => Self::ChunkCount,
            "mtime" => Self::Time(Stamp::Modified),
            "ctime" => Self::Time(Stamp::Changed),
            "atime" => Self::Time(Stamp::Accessed),
            "isomtime" => Self::IsoTime(Stamp::Modified),
            "isoctime" => Self::IsoTime(Stamp::Changed),
            "isoatime" => Self::IsoTime(Stamp::Accessed),
            _ => return None,
        })
    }
}

/// What kind of value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Truth(bool),
    Nothing,
}

/// Appends the value of a key as text; truths and what is nothing have none.
///
/// None if the item is one that only Python shows, or refuses, as Borg does.
pub fn push_value(out: &mut Vec<u8>, key: Key, item: &ItemView, clock: &mut Clock) -> Option<Kind> {
    let mode = item.mode.unwrap_or_default();
    u32::try_from(mode).ok()?;
    let is_link = modes::kind(mode) == modes::SYMLINK;
    let source = item.source.filter(|source| !source.is_empty());
    match key {
        Key::Type => out.push(letter(mode)),
        Key::Mode => push_mode(out, mode, !is_link && source.is_some()),
        Key::User => return Some(push_owner(out, item.user.flatten(), item.uid)),
        Key::Group => return Some(push_owner(out, item.group.flatten(), item.gid)),
        Key::Uid => return Some(push_owner(out, None, item.uid)),
        Key::Gid => return Some(push_owner(out, None, item.gid)),
        Key::Path => push_displayed(out, item.path),
        Key::PathBytes => out.extend_from_slice(item.path),
        Key::Healthy => return Some(Kind::Truth(item.chunks_healthy.is_none())),
        Key::Health => out.extend_from_slice(if item.chunks_healthy.is_none() {
            b"healthy"
        } else {
            b"broken"
        }),
        Key::Source => push_displayed(out, source.unwrap_or_default()),
        Key::Extra => {
            if let Some(source) = source {
                out.extend_from_slice(if is_link { b" -> " } else { b" link to " });
                push_displayed(out, source);
            }
        }
        Key::Flags => return Some(push_number(out, item.bsdflags.unwrap_or_default())),
        Key::Size => {
            let other = || {
                if is_link {
                    count_characters(source.unwrap_or_default()) as u64
                } else {
                    item.size.unwrap_or_default()
                }
            };
            return Some(push_number(out, item.chunks.map_or_else(other, |chunks| chunks.size_bytes)));
        }
        Key::StoredSize => {
            let other = || {
                if is_link {
                    count_characters(source.unwrap_or_default()) as u64
                } else {
                    0
                }
            };
            return Some(push_number(out, item.chunks.map_or_else(other, |chunks| chunks.csize_bytes)));
        }
        Key::ChunkCount => return Some(push_number(out, item.chunks.map_or(0, |chunks| chunks.count))),
        Key::Time(stamp) => clock.push_text(out, time(item, stamp)),
        Key::IsoTime(stamp) => clock.push_iso(out, time(item, stamp)),
    }
    Some(Kind::Text)
}

fn time(item: &ItemView, stamp: Stamp) -> i128 {
    let mtime = item.mtime.unwrap_or_default();
    let own = match stamp {
        Stamp::Modified => Some(mtime),
        Stamp::Changed => item.ctime,
        Stamp::Accessed => item.atime,
    };
    own.filter(|&time| time != 0).unwrap_or(mtime)
}

fn push_number(out: &mut Vec<u8>, number: impl Display) -> Kind {
    // Writing to memory does not fail.
    let _ = write!(out, "{number}");
    Kind::Number
}

/// The name, or the number where there is no name.
fn push_owner(out: &mut Vec<u8>, name: Option<&[u8]>, id: Option<i64>) -> Kind {
    match (name.filter(|name| !name.is_empty()), id) {
        (Some(name), _) => {
            push_displayed(out, name);
            Kind::Text
        }
        (None, Some(id)) => push_number(out, id),
        (None, None) => Kind::Nothing,
    }
}

fn letter(mode: i64) -> u8 {
    match modes::kind(mode) {
        modes::FILE => b'-',
        modes::DIRECTORY => b'd',
        modes::SYMLINK => b'l',
        modes::BLOCK_DEVICE => b'b',
        modes::CHARACTER_DEVICE => b'c',
        modes::FIFO => b'p',
        modes::SOCKET => b's',
        _ => b'?',
    }
}

/// "drwxr-sr-t"; a later link of a file begins with an h.
fn push_mode(out: &mut Vec<u8>, mode: i64, is_hard_link: bool) {
    out.push(if is_hard_link { b'h' } else { letter(mode) });
    for (shift, special, letters) in [(6, 0o4000, b"sS"), (3, 0o2000, b"sS"), (0, 0o1000, b"tT")] {
        let bits = mode >> shift;
        out.push(if bits & 4 != 0 { b'r' } else { b'-' });
        out.push(if bits & 2 != 0 { b'w' } else { b'-' });
        out.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letters[0],
            (true, false) => letters[1],
            (false, true) => b'x',
            (false, false) => b'-',
        });
    }
}
