"""Moving what is needed out of a segment, one entry after the other: the oracle for the kernel that does it by stretches."""

from __future__ import annotations

import struct
from typing import NamedTuple

from reference.hashindex import Table
from reference.segments import COMMIT, DELETE, PUT, parse_segment

MANIFEST = bytes(32)


class Moved(NamedTuple):
    content: list[tuple[int, bytes]]
    """What the new segments hold, by their number; without magic and COMMITs."""
    puts: int
    delete_bytes: int
    superseded_bytes: int


def move_segment(
    segment: bytes,
    number: int,
    index: Table,
    shadows: dict[bytes, list[int]],
    *,
    is_stable: bool,
    target: int,
    offset: int,
    limit: int,
) -> Moved:
    """Moves the live entries of segment `number` to `target` and the segments after it; changes `index` and `shadows`."""
    written: dict[int, bytes] = {}
    puts = delete_bytes = superseded_bytes = 0
    for entry in parse_segment(segment):
        if entry.tag == COMMIT:
            continue
        position = index.get(entry.key)
        shadowed = shadows.get(entry.key)
        if entry.tag == PUT and position != struct.pack("<II", number, entry.offset):
            if shadowed and number in shadowed:
                shadowed.remove(number)
            superseded_bytes += entry.size
            continue
        if entry.tag == DELETE:
            if position is not None:
                continue
            if is_stable and shadowed is not None and not any(older < number for older in shadowed):
                if not shadowed:
                    del shadows[entry.key]
                continue
        if entry.key == MANIFEST or (offset > limit and offset > 8):
            target, offset = target + 1, 8
        if entry.tag == PUT:
            index.set(entry.key, struct.pack("<II", target, offset))
            puts += 1
        else:
            delete_bytes += entry.size
        written[target] = written.get(target, b"") + segment[entry.offset : entry.offset + entry.size]
        offset += entry.size
    return Moved(sorted(written.items()), puts, delete_bytes, superseded_bytes)
