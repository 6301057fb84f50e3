"""Walking a tree and describing its files with nothing but `os`: slow, one file at a time, by path.

The oracle for `scan_directory` and for the items of a `FileBatch` that read everything anew.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import NamedTuple

from reference import acl
from reference.items import LAST_TIME_NS, ItemFields
from support.inode_flags import FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP, get_flags

KIND_OF_TYPE = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFIFO: "p",
    stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
    stat.S_IFSOCK: "s",
}
BSD_FLAGS = {FLAG_NODUMP: 1, FLAG_IMMUTABLE: 2, FLAG_APPEND: 4}
MINIMAL_ACL_ENTRIES = 3


class Options(NamedTuple):
    """As `ItemOptions`."""

    numeric_ids: bool = False
    atime: bool = False
    ctime: bool = True
    flags: bool = True
    acls: bool = True
    xattrs: bool = True


def kind_of(st: os.stat_result) -> str:
    return KIND_OF_TYPE.get(stat.S_IFMT(st.st_mode), "?")


def entries_of(directory: bytes) -> list[tuple[bytes, os.stat_result]]:
    """Names and stats in inode order, which is that of the directory's entries, not of what is mounted over them."""
    with os.scandir(directory) as found:
        by_inode = sorted(found, key=lambda entry: entry.inode())
    return [(entry.name, os.lstat(os.path.join(directory, entry.name))) for entry in by_inode]


def bsd_flags(path: bytes, st: os.stat_result) -> int:
    if kind_of(st) not in {"f", "d"}:
        return 0
    inode_flags = get_flags(path)
    return sum(bsd for inode, bsd in BSD_FLAGS.items() if inode_flags & inode)


def walk(top: bytes, archived: bytes) -> Iterator[tuple[bytes, bytes, os.stat_result]]:
    """(path, archived path, stat) of everything archivable, directories before their content."""
    st = os.lstat(top)
    if kind_of(st) in {"s", "?"}:
        return
    yield top, archived, st
    if kind_of(st) == "d":
        for name, _ in entries_of(top):
            yield from walk(os.path.join(top, name), name if archived in {b".", b".."} else archived + b"/" + name)


def items_of(top: bytes, archived: bytes, cut: Callable[[bytes], list[int]], options: Options) -> list[ItemFields]:
    """The items of a tree; ids are SHA-256, every csize is 0."""
    masters: dict[tuple[int, int], bytes] = {}
    return [_item(path, stored, st, masters, cut, options) for path, stored, st in walk(top, archived)]


def _item(
    path: bytes,
    archived: bytes,
    st: os.stat_result,
    masters: dict[tuple[int, int], bytes],
    cut: Callable[[bytes], list[int]],
    options: Options,
) -> ItemFields:
    kind = kind_of(st)
    item: ItemFields = {
        b"path": archived,
        b"mode": st.st_mode,
        b"uid": st.st_uid,
        b"gid": st.st_gid,
        b"user": None if options.numeric_ids else user_name(st.st_uid),
        b"group": None if options.numeric_ids else group_name(st.st_gid),
        b"mtime": clamped(st.st_mtime_ns),
    }
    if options.atime:
        item[b"atime"] = clamped(st.st_atime_ns)
    if options.ctime:
        item[b"ctime"] = clamped(st.st_ctime_ns)
    if kind == "l":
        item[b"source"] = os.readlink(path)
    if kind in {"c", "b"}:
        item[b"rdev"] = st.st_rdev
    if kind in {"f", "p", "c", "b"}:
        master = masters.setdefault((st.st_ino, st.st_dev), archived) if st.st_nlink > 1 else archived
        if master != archived:
            item[b"source"] = master
        else:
            item[b"hardlink_master"] = st.st_nlink > 1
            if kind == "f":
                chunks = _chunks(path, cut)
                item |= {b"chunks": chunks, b"size": sum(size for _, size, _ in chunks)}
    flags = bsd_flags(path, st) if options.flags else 0
    return item | ({b"bsdflags": flags} if flags else {}) | _attributes(path, st, options)


def _chunks(path: bytes, cut: Callable[[bytes], list[int]]) -> list[list[bytes | int]]:
    with open(path, "rb") as file:
        content = file.read()
    chunks: list[list[bytes | int]] = []
    start = 0
    for size in cut(content):
        chunks.append([sha256(content[start : start + size]).digest(), size, 0])
        start += size
    return chunks


def _attributes(path: bytes, st: os.stat_result, options: Options) -> ItemFields:
    xattrs: dict[bytes, bytes | None] = {}
    acls = {}
    for name in os.listxattr(path, follow_symlinks=False):
        value = os.getxattr(path, name, follow_symlinks=False)
        if name.startswith("system.posix_acl_"):
            acls[name] = acl.entries_of_value(value)
        else:
            xattrs[os.fsencode(name)] = value or None
    found: ItemFields = {b"xattrs": xattrs} if xattrs and options.xattrs else {}
    access = acls.get("system.posix_acl_access", acl.entries_of_mode(st.st_mode))
    default = acls.get("system.posix_acl_default", [])
    if options.acls and (len(access) > MINIMAL_ACL_ENTRIES or default):
        users = {} if options.numeric_ids else {user.pw_uid: os.fsencode(user.pw_name) for user in pwd.getpwall()}
        groups = {} if options.numeric_ids else {group.gr_gid: os.fsencode(group.gr_name) for group in grp.getgrall()}
        found[b"acl_access"] = acl.text_of_entries(access, users, groups)
        if kind_of(st) == "d":
            found[b"acl_default"] = acl.text_of_entries(default, users, groups)
    return found


def clamped(time_ns: int) -> int:
    return max(0, min(time_ns, LAST_TIME_NS))


def user_name(uid: int) -> bytes | None:
    try:
        return os.fsencode(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return None


def group_name(gid: int) -> bytes | None:
    try:
        return os.fsencode(grp.getgrgid(gid).gr_name)
    except KeyError:
        return None
