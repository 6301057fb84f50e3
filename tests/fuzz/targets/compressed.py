"""Compressed content of every method. Nobody gets more memory than a chunk may have."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.vectors import vectors
from vinculum._native import Bytes, Compressor, decompress
from vinculum.errors import IntegrityError

MAX_DATA = 20971479
WORDS = [b"\0\0", b"\1\0", b"\2\0", b"\3\0", b"\4\0", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"\x78\x9c"]


def seeds() -> Iterator[bytes]:
    for blob in vectors("compression")["blobs"]:
        yield bytes.fromhex(blob.get("blob", blob["header"]))[:3000]
    for spec in ("lz4", "zstd", "zlib", "lzma"):
        yield bytes(Compressor(spec).compress(bytes(1 << 20)))[:3000]


def fuzz(data: bytes) -> None:
    try:
        content = decompress(Bytes(data))
    except IntegrityError:
        return
    assert len(content) <= MAX_DATA
