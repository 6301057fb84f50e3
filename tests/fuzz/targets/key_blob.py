"""Keys as they lie in repositories and files, and as they are typed from paper."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.vectors import vectors
from vinculum.errors import Error
from vinculum.formats.msgpack import pack
from vinculum.keys.blob import LockedBlob, decode_text
from vinculum.keys.paper import PaperReader, format_paper

WORDS = [b"version", b"algorithm", b"iterations", b"sha256", b"salt", b"hash", b"data", b"/", b" - "]


def seeds() -> Iterator[bytes]:
    keys = vectors("keyblobs")
    id = bytes.fromhex(keys["repository_id"])
    for blob in keys["blobs"]:
        packed = bytes.fromhex(blob["outer_msgpack"])
        yield b"\0" + blob["text"].encode()
        yield b"\1" + packed
        yield b"\2" + format_paper(id, packed).encode()
    yield b"\1" + pack({"version": 1, "algorithm": "sha256", "iterations": 1, "salt": b"", "hash": b"", "data": b""})


def fuzz(data: bytes) -> None:
    """The first byte says which form the others are in."""
    kind, content = data[:1], data[1:]
    try:
        if kind == b"\2":
            type_in(content.decode("utf-8", "surrogateescape"))
            return
        LockedBlob(decode_text(content) if kind == b"\0" else content)
    except (ValueError, Error):
        pass


def type_in(text: str) -> None:
    """Wrong lines are forgotten."""
    reader = PaperReader(bytes(32))
    for line in text.splitlines():
        if reader.is_complete:
            break
        try:
            reader.take(line)
        except (ValueError, Error):
            pass
