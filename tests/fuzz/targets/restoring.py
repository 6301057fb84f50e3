"""Crafted archives, restored in every way: nothing outside of the target is touched, and only clean errors come of it."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from support.compare import snapshot
from support.inode_flags import release
from support.memory_store import MemoryStore
from support.plain_key import PlainKey
from vinculum import _native
from vinculum.archive.chunk_reader import ChunkReader
from vinculum.archive.patterns import PatternMatcher
from vinculum.errors import IntegrityError, ObjectNotFound
from vinculum.events import NullSink
from vinculum.operations.extract.extract import Extractor
from vinculum.operations.extract.in_place import InPlace
from vinculum.operations.extract.options import ExtractOptions
from vinculum.operations.extract.present import Present
from vinculum.operations.extract.selection import Selection
from vinculum.operations.extract.surplus import Surplus, with_parents

KEY = PlainKey()
CONTENT = b"from the archive"
NAMES = [
    b"a", b"b", b"c", b"a", b"b", b"..", b".", b"", b"outside", b"secret", b"../outside", b"/", b"\0", b"x" * 300, b"\xff",
    b"a/b",
]  # fmt: skip
MODES = [0o644, 0o755, 0, 0o7777, 0o4755, 0o2755, 0o1777, 0o200]
KINDS = [
    stat.S_IFREG, stat.S_IFDIR, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFLNK, stat.S_IFREG, stat.S_IFIFO, stat.S_IFCHR,
    stat.S_IFBLK, stat.S_IFSOCK, 0, 0o150000,
]  # fmt: skip
NUMBERS = [0, 1, 16, 3 << 8, 255, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, -1, -(2**63), 10**18]
TEXTS = [b"user::rwx,group::r-x,other::r--", b"user:root:rwx:0,mask::rwx", b"rubbish", b"", b"user::rwx\tx", b"\xff:::"]
FIELDS = ["mtime", "atime", "uid", "gid", "rdev", "size", "bsdflags", "source", "acl_access", "acl_default", "xattrs", "user"]
MOST_ITEMS = 12
WORDS = [b"\x03\x00\x00\x00\x01\x07\x00\x0a", b"\x00\x00\x01\x00\x09\x00\x00", b"\x00\x00\x00\x01\x01\x07\x00\x00"]


class Bytes:
    """Takes decisions from the input, 0 where it has ended."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self._left = len(data)

    def __bool__(self) -> bool:
        return self._left > 0

    def number(self, below: int) -> int:
        self._left -= 1
        return next(self._data, 0) % below

    def path(self) -> bytes:
        return b"/".join(NAMES[self.number(len(NAMES))] for _ in range(1 + self.number(4)))


def seeds() -> Iterator[bytes]:
    """A symlink to the outside and files behind it; hard links; the same path again and again; each in all ways."""
    for way in range(6):
        yield bytes([way, 3, 0, 0, 0, 1, 7, 0, 10, 0, 1, 0, 9, 0, 0, 1, 0, 8, 0, 0])
        yield bytes([way, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 7, 0, 0, 0, 1, 0, 0, 0, 0])
        yield bytes([way, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 3, 0, 0, 0, 1, 7, 0, 10, 7, 0, 0, 1, 4, 3])


def item(source: Bytes) -> bytes:
    """One item, packed; its content is CONTENT, or cannot be found."""
    kind, mode, path = KINDS[source.number(len(KINDS))], MODES[source.number(len(MODES))], source.path()
    fields: dict[str, int | bytes | bool | dict[bytes, bytes | None] | None] = {
        "path": path,
        "mode": kind | mode,
        "mtime": 10**18,
    }
    for _ in range(source.number(4)):
        name = FIELDS[source.number(len(FIELDS))]
        if name == "source":
            fields[name] = source.path()
        elif name.startswith("acl"):
            fields[name] = TEXTS[source.number(len(TEXTS))]
        elif name == "xattrs":
            fields[name] = {NAMES[source.number(len(NAMES))]: b"x", b"user.%d" % source.number(3): None}
        elif name == "user":
            fields[name] = NAMES[source.number(len(NAMES))]
        else:
            fields[name] = NUMBERS[source.number(len(NUMBERS))]
    chunks = None
    if kind == stat.S_IFREG and "source" not in fields:
        id = bytes(32) if source.number(32) == 31 else KEY.hasher.digest(CONTENT)
        chunks = _native.ChunkList.of(id, [len(CONTENT) + source.number(16) // 15], [1])
    try:
        return bytes(memoryview(_native.encode_item(fields, chunks)))
    except (ValueError, OverflowError):
        return b""  # no archive can say that


def fuzz(data: bytes) -> None:
    """The first byte says in which way everything is restored."""
    source = Bytes(data)
    way = source.number(6)
    items = []
    while source and len(items) < MOST_ITEMS:
        items.append(item(source))
    place = Path(tempfile.mkdtemp())
    try:
        restore(place, b"".join(items), way)
    finally:
        release(place)
        shutil.rmtree(place)


def restore(place: Path, items: bytes, way: int) -> None:
    target, outside = place / "target", place / "outside"
    (target / "a").mkdir(parents=True)
    (target / "b").symlink_to("../outside")
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (target / "c").hardlink_to(outside / "secret")
    before = snapshot(outside)
    store, root, options = MemoryStore(), os.fsencode(target), ExtractOptions(dry_run=way == 1)
    store.store(KEY, CONTENT)
    try:
        windows = [_native.ItemWindowDecoder().feed([_native.Bytes(items)])] if items else []
        selection = Selection(PatternMatcher(), lambda _: iter(windows), 1 if way == 2 else 0)
        if way == 5:
            Surplus(root, with_parents(selection.paths()), NullSink(), dry_run=False).delete()
        present = {
            3: lambda: Present(root),
            4: lambda: InPlace(root, options, KEY.hasher),
            5: lambda: InPlace(root, options, KEY.hasher),
        }.get(way, lambda: None)()
        try:
            Extractor(ChunkReader(store, KEY), root, selection, options, NullSink(), None, present).extract()
        finally:
            if present is not None:
                present.close()
    except (IntegrityError, ObjectNotFound):
        pass
    assert snapshot(outside).entries == before.entries
    assert sorted(os.listdir(place)) == ["outside", "target"]
