"""Segment files as slowly and plainly as they can be read: the oracle for the segment kernels and for replay."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

MAGIC = b"BORG_SEG"
PUT, DELETE, COMMIT = 0, 1, 2
MAX_OBJECT = 20 * 1024 * 1024


class Entry(NamedTuple):
    offset: int
    tag: int
    key: bytes
    data: bytes
    size: int


class Damaged(Exception):
    """The segment is not a sequence of valid entries."""


def pack_entry(tag: int, key: bytes = b"", data: bytes = b"") -> bytes:
    covered = struct.pack("<IB", 9 + len(key) + len(data), tag) + key + data
    return struct.pack("<I", zlib.crc32(covered)) + covered


def pack_segment(*entries: bytes) -> bytes:
    return MAGIC + b"".join(entries)


def parse_entry(segment: bytes, offset: int) -> Entry | None:
    """The entry at `offset` if there is a valid one."""
    if len(segment) - offset < 9:
        return None
    crc, size, tag = struct.unpack_from("<IIB", segment, offset)
    least = {PUT: 41, DELETE: 41, COMMIT: 9}
    if tag not in least or not least[tag] <= size <= MAX_OBJECT or size > len(segment) - offset:
        return None
    if zlib.crc32(segment[offset + 4 : offset + size]) != crc:
        return None
    key = bytes(32) if tag == COMMIT else segment[offset + 9 : offset + 41]
    return Entry(offset, tag, key, segment[offset + 41 : offset + size], size)


def parse_segment(segment: bytes) -> list[Entry]:
    if segment[:8] != MAGIC:
        raise Damaged(0)
    entries = []
    offset = 8
    while offset < len(segment):
        entry = parse_entry(segment, offset)
        if entry is None:
            raise Damaged(offset)
        entries.append(entry)
        offset += entry.size
    return entries


def recover(segment: bytes) -> bytes:
    """Every valid entry, looked for at every offset."""
    rebuilt = MAGIC
    offset = 0
    while len(segment) >= 17 and offset <= len(segment) - 9:
        entry = parse_entry(segment, offset)
        if entry is None:
            offset += 1
        else:
            rebuilt += segment[offset : offset + entry.size]
            offset += entry.size
    return rebuilt
