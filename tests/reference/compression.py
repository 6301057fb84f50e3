"""Compressed chunks with the compressors of Python packages: the oracle for the compression kernel."""

from __future__ import annotations

import lzma
import zlib
from typing import Any

import lz4.block  # type: ignore[import-untyped]
import zstandard

MAX_DATA = 20971479
LEVELS = {"zlib": range(10), "lzma": range(10), "zstd": range(1, 23)}
OBFUSCATIONS = [*range(1, 7), *range(110, 124), 250]


def is_valid(spec: str) -> bool:
    name, *arguments = spec.split(",")
    if name in ("none", "lz4"):
        return True
    if name in LEVELS:
        return not arguments or (len(arguments) == 1 and arguments[0] in map(str, LEVELS[name]))
    if name == "auto":
        return 1 <= len(arguments) <= 2 and is_valid(",".join(arguments))
    if name == "obfuscate":
        return 2 <= len(arguments) <= 4 and arguments[0] in map(str, OBFUSCATIONS) and is_valid(",".join(arguments[1:]))
    return False


def decompress(stored: bytes) -> bytes:
    header, body = stored[:2], stored[2:]
    if header == b"\0\0":
        return body
    if header == b"\1\0":
        return lz4.block.decompress(body, uncompressed_size=2**24)  # type: ignore[no-any-return]
    if header == b"\2\0":
        return lzma.decompress(body)
    if header == b"\3\0":
        return zstandard.ZstdDecompressor().decompress(body)
    if header == b"\4\0":
        return decompress(body[4 : 4 + int.from_bytes(body[:4], "big")])
    return zlib.decompress(stored)


def compress(spec: str, data: bytes) -> bytes:
    """For methods without choice or chance."""
    name, *arguments = spec.split(",")
    if name == "none":
        return b"\0\0" + data
    if name == "zlib":
        return zlib.compress(data, int(arguments[0]) if arguments else 6)
    packers: dict[str, tuple[bytes, Any]] = {
        "lz4": (b"\1\0", lambda _: lz4.block.compress(data, store_size=False)),
        "lzma": (b"\2\0", lambda level: lzma.compress(data, preset=level or 6, check=lzma.CHECK_NONE)),
        "zstd": (b"\3\0", lambda level: zstandard.ZstdCompressor(level or 3).compress(data)),
    }
    header, packer = packers[name]
    packed = packer(int(arguments[0]) if arguments else None)
    return b"\0\0" + data if len(packed) >= len(data) else header + packed


def choose_auto(plain: bytes, cheap: bytes, expensive: bytes) -> bytes:
    """Which of two results `auto` takes: that of lz4 or that of the method it was given."""
    if len(cheap) / (len(plain) + 2) >= 0.97 or len(expensive) / len(cheap) >= 0.99:
        return cheap
    return expensive


def padding_range(level: int, size: int) -> tuple[int, int]:
    """The least and most padding that obfuscation may add to `size` bytes."""
    room = max(0, MAX_DATA - 1024 - size)
    if level == 250:
        if size < 2:
            return 0, 0
        exponent = size.bit_length() - 1
        unit = 2 ** (exponent - exponent.bit_length())
        exact = min(-size % unit, room)
        return exact, exact
    if level >= 110:
        return 0, min(2 ** (level - 100) - 1, room)
    factor = 0.001 * 10**level
    return min(int(size * factor), room), min(int(size * factor / 0.0001), room)
