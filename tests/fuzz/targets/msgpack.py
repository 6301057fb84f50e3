"""Borg's dialect of msgpack, in which everything small is stored."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.vectors import vectors
from vinculum.formats.msgpack import pack, unpack, unpack_first, unpack_map

WORDS = [b"\xde\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc7\x01", b"\xcb\x7f\xf8\0\0\0\0\0\0"]


def seeds() -> Iterator[bytes]:
    for item in vectors("items")["items"]:
        yield bytes.fromhex(item["packed"])
    yield pack({b"segments": {1: 2}, b"shadow_index": {bytes(32): [1]}})


def fuzz(data: bytes) -> None:
    for read in (unpack, unpack_first, lambda data: unpack_map(data, b"shadow_index")):
        try:
            value = read(data)
        except ValueError:
            continue
        if read is unpack:
            assert repr(unpack(pack(value))) == repr(value)
