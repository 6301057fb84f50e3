"""Segment files: scanned, replayed into an index, and rebuilt from what is left of them, just as the plain twin does it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from reference.segments import COMMIT, DELETE, MAGIC, PUT, Damaged, pack_entry, pack_segment, parse_segment, recover
from vinculum._native import RepositoryIndex, find_entries, read_objects, scan_segment
from vinculum.errors import IntegrityError

KEY = bytes(range(32))
WORDS = [b"BORG_SEG", b"\x29\0\0\0\0", b"\x29\0\0\0\1", b"\x40\xf4\x3c\x25\x09\0\0\0\2"]


def seeds() -> Iterator[bytes]:
    put, delete, commit = pack_entry(PUT, KEY, b"data"), pack_entry(DELETE, KEY), pack_entry(COMMIT)
    yield pack_segment(put, delete, commit)
    yield pack_segment(put, commit)[:-3]
    yield b"rubbish" + put + b"\0" + commit


def fuzz(data: bytes) -> None:
    fd = os.memfd_create("segment")
    try:
        os.write(fd, data)
        scan(fd, data)
        assert MAGIC + b"".join(data[start:stop] for start, stop in find_entries(fd)) == recover(data)
    finally:
        os.close(fd)


def scan(fd: int, data: bytes) -> None:
    try:
        wanted = parse_segment(data)
    except Damaged:
        wanted = None
    try:
        entries = scan_segment(fd)
    except IntegrityError:
        assert wanted is None
        return
    assert wanted is not None
    assert list(zip(entries.tags(), entries.offsets(), entries.sizes(), strict=True)) == [
        (entry.tag, entry.offset, entry.size) for entry in wanted
    ]
    RepositoryIndex().replay(entries, 7)
    puts = [entry for entry in wanted if entry.tag == PUT]
    read = read_objects(fd, b"".join(entry.key for entry in puts), [entry.offset for entry in puts])
    assert [bytes(data) for data in read] == [entry.data for entry in puts]
