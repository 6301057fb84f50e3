"""Stored objects of every mode: whoever does not have the key gets nothing out of a program that does."""

from __future__ import annotations

from collections.abc import Iterator

from support.keys import key_of
from vinculum._native import Bytes, ChunkBatch, Compressor
from vinculum.errors import Error, IntegrityError
from vinculum.keys.key import Key
from vinculum.keys.modes import MODES, mode_of

KEYS: dict[str, Key] = {}
NAMES = sorted(MODES)
CONTENT = b"content " * 40


def seeds() -> Iterator[bytes]:
    for number, name in enumerate(NAMES):
        key = opened(name)
        for spec in ("none", "lz4", "obfuscate,110,zlib"):
            chunks = ChunkBatch.of([CONTENT], key.hasher)
            sealed = bytes(key.sealer(Compressor(spec)).seal(chunks, 7).object(0))
            yield bytes([number]) + sealed
            yield bytes([number]) + sealed[:-1]


def opened(name: str) -> Key:
    if name not in KEYS:
        KEYS[name] = key_of(name)
    return KEYS[name]


def fuzz(data: bytes) -> None:
    """The first byte says whose key it is."""
    key = opened(NAMES[data[0] % len(NAMES)]) if data else opened("none")
    stored = Bytes(data[1:])
    id = key.hasher.digest(CONTENT)
    try:
        assert bytes(key.opener.open(stored, id)) == CONTENT, "an object is not what its id says"
    except IntegrityError:
        pass
    try:
        plaintext = bytes(key.opener.open(stored, None))
        # Without a MAC anybody can make an object; what it holds must be authenticated otherwise.
        assert not key.encrypts or plaintext == CONTENT, "an object was forged"
    except IntegrityError:
        pass
    try:
        mode_of(data[1:])
    except Error:
        pass
