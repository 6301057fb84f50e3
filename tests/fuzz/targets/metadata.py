"""Manifests and archive objects whose envelope was right: by other programs, of any age, or by somebody with the key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from support.keys import key_of
from vinculum._native import Bytes
from vinculum.archive.archive import ArchiveMetadata, pack_archive, parse_archive
from vinculum.archive.manifest import Manifest
from vinculum.errors import Error
from vinculum.formats.msgpack import unpack
from vinculum.keys.key import Key
from vinculum.keys.tam import pack_with_tam

WORDS = [
    *(b"\xa8archives", b"\xa6config", b"\xa9item_keys", b"\xa9timestamp", b"\xa7version", b"\xa3tam", b"\xa4hmac", b"\xa4salt"),
    *(b"\xa4type", b"\xa4name", b"\xa5items", b"\xa7cmdline", b"\xa4time", b"\xa8time_end", b"\xadfeature_flags"),
    *(b"\xaemandatory", b"\xaechunker_params", b"\xb0HKDF_HMAC_SHA512", b"\xda\0\x20", b"\xda\0\x1a2024-01-01T00:00:00.000000"),
]
NAMED = "archive"
WHEN = datetime(2024, 1, 1, tzinfo=UTC)


def seeds() -> Iterator[bytes]:
    key = key_of("none")
    archives = {b"one": {b"id": bytes(32), b"time": b"2024-01-01T00:00:00.000000"}}
    flags = {b"feature_flags": {b"write": {b"mandatory": [b"x"]}}, b"tam_required": True}
    manifest: dict[bytes, object] = {b"version": 1, b"archives": archives, b"config": flags, b"item_keys": [b"path"]}
    metadata = ArchiveMetadata(name=NAMED, items=[bytes(32)], cmdline=["borg", "create"], time=WHEN, comment="c", size=3)
    yield b"\0" + pack_with_tam(key, {**manifest, b"timestamp": b"2024-01-01T00:00:00.000000"}, b"manifest", salt=bytes(64))
    yield b"\1" + pack_archive(key, metadata)


class OneObject:
    """A store that holds a manifest."""

    def __init__(self, stored: bytes) -> None:
        self._stored = Bytes(stored)

    def get(self, id: bytes) -> Bytes:
        del id
        return self._stored


def fuzz(data: bytes) -> None:
    """The first byte says which of the two it is."""
    key = key_of("none")
    try:
        if data[:1] == b"\0":
            take_manifest(key, data[1:])
        else:
            take_archive(key, data[1:])
    except Error:
        pass


def take_manifest(key: Key, plaintext: bytes) -> None:
    manifest = Manifest.load(OneObject(b"\2\0\0" + plaintext), key)
    for operation in ("read", "write"):
        try:
            manifest.check_feature_flags(operation)  # type: ignore[arg-type]
        except Error:
            pass
    for name, entry in manifest.archives.items():
        assert entry.name == name
        assert len(entry.id) == 32
        try:
            entry.time.isoformat()
        except Error:
            pass


def take_archive(key: Key, plaintext: bytes) -> None:
    metadata = parse_archive(key, plaintext, NAMED)
    again = parse_archive(key, pack_archive(key, metadata), NAMED)
    assert unpack(pack_archive(key, again)) is not None
    assert again.items == metadata.items
    assert again.name == metadata.name
