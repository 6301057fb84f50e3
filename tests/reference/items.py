"""The item stream as plainly as it can be written: dicts, sorted, through the msgpack package in its old dialect.

The oracle for `ItemWindow.items`, `encode_item` and `ChunkIndex.count_items`. Keys and texts are bytes throughout.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgpack

ItemFields: TypeAlias = dict[bytes, Any]

TIMES = frozenset({b"mtime", b"atime", b"ctime", b"birthtime"})
LAST_TIME_NS = (2**31 - 1 - 48 * 3600) * 10**9


def pack(value: object) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=False)
    return packed


def pack_time(value: int) -> int | bytes:
    """What needs more than 63 bits is written as bytes."""
    bits = value.bit_length()
    return value if bits <= 63 else value.to_bytes((bits + 9) // 8, "little", signed=True)


def unpack_time(value: int | bytes) -> int:
    return value if isinstance(value, int) else int.from_bytes(value, "little", signed=True)


def encode(item: ItemFields) -> bytes:
    """The item as a canonical map: keys sorted, xattrs too."""
    fields = {}
    for key in sorted(item):
        value = item[key]
        if key in TIMES:
            value = pack_time(value)
        elif key == b"xattrs":
            value = {name: value[name] for name in sorted(value)}
        fields[key] = value
    return pack(fields)


def decode(stream: bytes) -> list[ItemFields]:
    """All items of a sound stream."""
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False, max_buffer_size=len(stream) or 1)
    unpacker.feed(stream)
    return [{key: unpack_time(item[key]) if key in TIMES else item[key] for key in item} for item in unpacker]


def count_chunks(stream: bytes) -> dict[bytes, tuple[int, int, int]]:
    """References of each chunk, with size and csize; a csize of 0 means unknown."""
    counts: dict[bytes, tuple[int, int, int]] = {}
    for item in decode(stream):
        for id_, size, csize in item.get(b"chunks") or ():
            known, _, known_csize = counts.get(id_, (0, 0, 0))
            counts[id_] = (known + 1, size, csize or known_csize)
    return counts
