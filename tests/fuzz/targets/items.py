"""Item streams in pieces of any size: they list archives, restore them, and count references."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.vectors import vectors
from vinculum._native import Bytes, ChunkIndex, ItemStream, ItemWindowDecoder
from vinculum.errors import IntegrityError

WORDS = [
    b"\xa4path",
    b"\xa6chunks",
    b"\xa6xattrs",
    b"\xa5mtime",
    b"\x93\xda\0\x20",
    b"\xa6source",
    b"\xb0hardlink_master",
    b"\xa4mode",
]


def seeds() -> Iterator[bytes]:
    packed = [bytes.fromhex(item["packed"]) for item in vectors("items")["items"]]
    yield b"\x30" + b"".join(packed)[:3000]
    yield from (b"\xff" + item for item in packed)


def fuzz(data: bytes) -> None:
    """The first byte says in which pieces the others come."""
    size = data[0] + 1 if data else 1
    stream = data[1:]
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    whole = decode([stream])
    assert decode(pieces) == whole
    count(pieces)


def decode(pieces: list[bytes]) -> list[bytes] | None:
    """What the items say, as they would be written again; None if the stream is damaged."""
    decoder = ItemWindowDecoder()
    items: list[bytes] = []
    try:
        for piece in pieces:
            for item in decoder.feed([Bytes(piece)]).items():
                assert isinstance(item.path, bytes)
                assert isinstance(item.xattrs, dict | None)
                items.append(bytes(item.encode()))
        decoder.finish()
    except IntegrityError:
        return None
    return items


def count(pieces: list[bytes]) -> None:
    index, stream = ChunkIndex(), ItemStream()
    try:
        for piece in pieces:
            index.count_items(stream, Bytes(piece))
    except IntegrityError:
        return
    assert all(index.get(id) is not None for id in index.ids())
