"""Comparing trees: content, stat, links, xattrs, ACLs, flags and holes, with differences that can be read."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from support.inode_flags import FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP, get_flags
from support.trees import SECOND_NS

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFSOCK: "socket",
}
COMPARED_FLAGS = FLAG_APPEND | FLAG_IMMUTABLE | FLAG_NODUMP
LATEST_NS = (2**31 - 1 - 48 * 3600) * SECOND_NS  # archives hold no later time, and none before 1970


class Entry(NamedTuple):
    """What there is to know of one file; fields that its kind does not have are None."""

    kind: str
    mode: int | None
    uid: int
    gid: int
    mtime_ns: int
    size_bytes: int | None
    digest: str | None
    target: bytes | None
    rdev: int | None
    xattrs: tuple[tuple[str, bytes], ...]
    flags: int | None
    extents: tuple[tuple[int, int], ...] | None
    """Where a regular file has data, as (start, end); the rest are holes."""


class Tree(NamedTuple):
    """A picture of a tree. Paths are relative to the top, which itself is b"."."""

    entries: dict[bytes, Entry]
    links: frozenset[frozenset[bytes]]
    """The groups of paths that are one file."""


def snapshot(top: Path) -> Tree:
    """Takes the picture."""
    entries: dict[bytes, Entry] = {}
    names_of: dict[tuple[int, int], set[bytes]] = {}
    root = os.fsencode(top)
    paths = [root]
    for directory, directories, names in os.walk(root):
        paths.extend(os.path.join(directory, name) for name in (*directories, *names))
    for path in paths:
        status = os.lstat(path)
        relative = os.path.relpath(path, root)
        entries[relative] = _examine(path, status)
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            names_of.setdefault((status.st_dev, status.st_ino), set()).add(relative)
    return Tree(entries, frozenset(frozenset(names) for names in names_of.values() if len(names) > 1))


def _examine(path: bytes, status: os.stat_result) -> Entry:
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    is_file = kind == "file"
    digest, extents = _content(path, status.st_size) if is_file else (None, None)
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return Entry(
        kind=kind,
        mode=None if kind == "symlink" else stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime_ns=status.st_mtime_ns,
        size_bytes=status.st_size if is_file else None,
        digest=digest,
        target=os.readlink(path) if kind == "symlink" else None,
        rdev=status.st_rdev if kind.endswith("device") else None,
        xattrs=tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names),
        flags=get_flags(path) & COMPARED_FLAGS if kind in {"file", "directory"} else None,
        extents=extents,
    )


def _content(path: bytes, size_bytes: int) -> tuple[str, tuple[tuple[int, int], ...]]:
    extents = []
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        position = 0
        while position < size_bytes:
            try:
                start = os.lseek(file.fileno(), position, os.SEEK_DATA)
            except OSError:  # ENXIO: a hole up to the end
                break
            position = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            extents.append((start, position))
    return digest, tuple(extents)


def as_archived(tree: Tree) -> Tree:
    """The tree as an archive can bring it back: no sockets, times within what archives hold."""
    entries = {
        path: entry._replace(mtime_ns=min(max(entry.mtime_ns, 0), LATEST_NS))
        for path, entry in tree.entries.items()
        if entry.kind != "socket"
    }
    return Tree(entries, tree.links)


def differences(expected: Tree, actual: Tree, *, ignoring: Collection[str] = ()) -> list[str]:
    """One line for each thing that differs; `ignoring` holds names of `Entry` fields, or "links"."""
    found = [f"{path!r} is missing" for path in sorted(expected.entries.keys() - actual.entries.keys())]
    found += [f"{path!r} should not be there" for path in sorted(actual.entries.keys() - expected.entries.keys())]
    for path in sorted(expected.entries.keys() & actual.entries.keys()):
        wanted, got = expected.entries[path], actual.entries[path]
        for field in Entry._fields:
            if field not in ignoring and getattr(wanted, field) != getattr(got, field):
                found.append(f"{path!r}: {field} should be {_shown(field, wanted)} but is {_shown(field, got)}")
    if "links" not in ignoring:
        found += [f"{sorted(group)} should be one file" for group in expected.links - actual.links]
        found += [f"{sorted(group)} should not be one file" for group in actual.links - expected.links]
    return found


def _shown(field: str, entry: Entry) -> str:
    value = getattr(entry, field)
    return f"{value:#o}" if field == "mode" and value is not None else repr(value)


def assert_restored(
    original: Path | Tree, restored: Path | Tree, *, holes: bool = False, ignoring: Collection[str] = ()
) -> None:
    """Fails with the list of differences unless `restored` is what an archive of `original` has to bring back.

    Holes are compared only on request: whether they come back depends on the options of create and extract.
    """
    expected = as_archived(original if isinstance(original, Tree) else snapshot(original))
    actual = restored if isinstance(restored, Tree) else snapshot(restored)
    left_out = {*ignoring} if holes else {*ignoring, "extents"}
    found = differences(expected, actual, ignoring=left_out)
    shown = "\n".join(found[:40]) + (f"\n... and {len(found) - 40} more" if len(found) > 40 else "")
    assert not found, f"{len(found)} differences:\n{shown}"
