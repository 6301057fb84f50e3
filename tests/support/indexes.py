"""Ids and positions to fill native indexes with, and the bytes of their files."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from vinculum import _native


def saved(index: _native.RepositoryIndex | _native.ChunkIndex) -> bytes:
    return bytes(memoryview(index.save()))


def numbered_key(number: int, stride: int = 1) -> bytes:
    """Keys whose homes are `stride` apart, so that small strides and multiples of 1031 make them collide."""
    return struct.pack("<I28x", number * stride % 2**32)[:28] + struct.pack(">I", number)


numbers = st.integers(0, 60)
