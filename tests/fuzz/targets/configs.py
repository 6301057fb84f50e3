"""Configurations of repositories and caches, integrity strings, versions, sizes: small texts on the disk."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.vectors import vectors
from vinculum.errors import Error, FileIntegrityError
from vinculum.formats.ini import Ini
from vinculum.formats.integrity import verify_integrity
from vinculum.repository.config import RepositoryConfig, new_config

WORDS = [
    b"[repository]\n",
    b"version = 1\n",
    b"id = ",
    b"key = ",
    b"\n\t",
    b"storage_quota = ",
    b"max_segment_size = ",
    b'"final": ',
]


def seeds() -> Iterator[bytes]:
    yield b"\0" + new_config(append_only=False, storage_quota=0).format().encode()
    yield b"\0[cache]\nversion = 1\n# x\n; y\n\n[integrity]\nmanifest: \n"
    for file in vectors("integrity")["files"]:
        yield b"\1" + file["integrity_string"].encode()


def fuzz(data: bytes) -> None:
    """The first byte says what the others are."""
    text = data[1:].decode("utf-8", "surrogateescape")
    if data[:1] == b"\1":
        try:
            verify_integrity(text, "hints.1", b"content")
        except FileIntegrityError:
            pass
        return
    try:
        ini = Ini.parse(text)
    except ValueError:
        return
    try:
        RepositoryConfig(ini, "/repository").format()
    except Error:
        pass
