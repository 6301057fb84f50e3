"""The comparison that the round-trip tests rest on sees every single thing that can be wrong with a restored tree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.compare import assert_restored, differences, snapshot
from support.inode_flags import FLAG_NODUMP, change_flags
from support.trees import SECOND_NS, set_mtime, some_acl


def build(top: Path) -> Path:
    top.mkdir()
    file = top / "file"
    file.write_bytes(b"0123456789" * 1000)
    os.link(file, top / "link")
    (top / "other").write_bytes(b"other")
    (top / "symlink").symlink_to("file")
    os.mknod(top / "null", 0o020666, os.makedev(1, 3))
    with open(top / "sparse", "wb") as sparse:
        sparse.truncate(1 << 16)
    for path in [*top.iterdir(), top]:
        set_mtime(os.fsencode(path), 1_600_000_000 * SECOND_NS + 1)
    return top


def unlink_and_copy(top: Path) -> None:
    (top / "link").unlink()
    shutil.copy2(top / "file", top / "link")


def replace_symlink(top: Path) -> None:
    (top / "symlink").unlink()
    (top / "symlink").symlink_to("other")


def replace_device(top: Path) -> None:
    (top / "null").unlink()
    os.mknod(top / "null", 0o020666, os.makedev(1, 5))


CHANGES: dict[str, Callable[[Path], object]] = {
    "is missing": lambda top: (top / "other").unlink(),
    "should not be there": lambda top: (top / "new").touch(),
    "kind": lambda top: ((top / "other").unlink(), (top / "other").mkdir()),
    "mode": lambda top: (top / "other").chmod(0o4644),
    "uid": lambda top: os.chown(top / "other", 77, -1),
    "gid": lambda top: os.lchown(top / "symlink", -1, 77),
    "mtime_ns": lambda top: set_mtime(os.fsencode(top / "symlink"), 1_600_000_000 * SECOND_NS),
    "size_bytes": lambda top: os.truncate(top / "other", 3),
    "digest": lambda top: (top / "other").write_bytes(b"0ther"),
    "target": replace_symlink,
    "rdev": replace_device,
    "xattrs": lambda top: os.setxattr(top / "other", "user.empty", b""),
    "xattrs ": lambda top: os.setxattr(top, "system.posix_acl_default", some_acl()),
    "flags": lambda top: change_flags(os.fsencode(top / "other"), add=FLAG_NODUMP),
    "extents": lambda top: (top / "sparse").write_bytes(bytes(1 << 16)),
    "should be one file": unlink_and_copy,
    "should not be one file": lambda top: ((top / "other").unlink(), os.link(top / "file", top / "other")),
}


@pytest.mark.parametrize("difference", CHANGES)
def test_each_change_is_seen(difference: str, workplace: Path) -> None:
    original = build(workplace / "original")
    changed = build(workplace / "changed")
    assert differences(snapshot(original), snapshot(changed)) == []
    CHANGES[difference](changed)
    found = differences(snapshot(original), snapshot(changed))
    assert any(difference.strip() in line for line in found), found


def test_sockets_and_times_out_of_range_are_not_asked_back(workplace: Path) -> None:
    original = build(workplace / "original")
    os.mknod(original / "socket", 0o140644)
    set_mtime(os.fsencode(original / "other"), -SECOND_NS)
    restored = build(workplace / "restored")
    set_mtime(os.fsencode(restored / "other"), 0)
    set_mtime(os.fsencode(original), 1_600_000_000 * SECOND_NS + 1)
    assert_restored(original, restored, holes=True)
