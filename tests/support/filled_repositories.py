"""Repositories with numbered objects: filling them, and looking at them as the next command does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from vinculum._native import RepositoryIndex
from vinculum.formats.msgpack import unpack
from vinculum.repository.repository import Repository
from vinculum.repository.store import MANIFEST_KEY

Objects = dict[bytes, bytes]


def numbered_id(number: int) -> bytes:
    """The id of the object with that number."""
    return hashlib.sha256(b"%d" % number).digest()


def fill(path: Path, *numbers: int) -> None:
    """Stores those objects in a transaction."""
    with Repository(str(path), exclusive=True) as repository:
        for number in numbers:
            repository.put(numbered_id(number), b"object %d" % number)
        repository.commit()


def put_in_transactions(path: Path, *transactions: tuple[bytes, Iterable[int]]) -> None:
    """In each some small objects and the manifest."""
    for manifest, numbers in transactions:
        with Repository(str(path), exclusive=True) as repository:
            for number in numbers:
                repository.put(numbered_id(number), small_content(number))
            repository.put(MANIFEST_KEY, manifest)
            repository.commit()


def small_content(number: int) -> bytes:
    """What `put_in_transactions` puts."""
    return b"%d" % number * 90


def content_of(path: Path) -> Objects:
    """All objects, as the next command finds them."""
    with Repository(str(path)) as repository:
        return {id: bytes(repository.get(id)) for id in repository.list()}


def change_config(path: Path, old: str, new: str) -> None:
    """Another text in the place of one that is there."""
    text = (path / "config").read_text()
    assert old in text
    (path / "config").write_text(text.replace(old, new))


def saved_state(path: Path) -> tuple[RepositoryIndex, dict[bytes, object]]:
    """The index and the hints that the last transaction left."""
    (index,), (hints,) = path.glob("index.*"), path.glob("hints.*")
    record = unpack(hints.read_bytes())
    assert isinstance(record, dict)
    return RepositoryIndex.load(index.read_bytes()), record
