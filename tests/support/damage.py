"""Ways in which a repository gets damaged: its files by disks, its objects by whoever had a bug, and the key.

Each is a function of the repository's directory that can be applied to several copies with the same result.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from support.keys import given
from support.programs import PASSPHRASE
from vinculum._native import Compressor
from vinculum.archive.archive import parse_archive
from vinculum.archive.manifest import ArchiveEntry, Manifest
from vinculum.formats.msgpack import pack_sorted
from vinculum.keys.counters import CounterAllocator
from vinculum.keys.key import Key, open_key
from vinculum.keys.tam import pack_with_tam, verify_archive
from vinculum.objects.codec import ObjectCodec
from vinculum.repository.repository import Repository
from vinculum.repository.store import MANIFEST_KEY

Damage = Callable[[Path], object]
Fields = dict[bytes, Any]


# -- files -------------------------------------------------------------------------------------------------------------


def segments(repository: Path) -> list[Path]:
    """The segment files in their order."""
    return sorted(repository.glob("data/*/*"), key=lambda path: int(path.name))


def largest_segment(repository: Path) -> Path:
    return max(segments(repository), key=lambda path: path.stat().st_size)


def commits(repository: Path) -> list[Path]:
    """The segments with nothing but a COMMIT."""
    return [path for path in segments(repository) if path.stat().st_size == 17]


def derived(repository: Path, kind: str) -> Path:
    """The file of that kind: index, hints or integrity."""
    (path,) = repository.glob(f"{kind}.*")
    return path


def flip(path: Path, offset: int, bit: int = 4) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1 << bit
    path.write_bytes(content)


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def truncate(path: Path, size: int) -> None:
    os.truncate(path, size)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def copy(path: Path, number: int) -> None:
    shutil.copy(path, path.with_name(str(number)))


# -- objects -----------------------------------------------------------------------------------------------------------


class Forger:
    """An open repository, and the means to write anything into it. What was done is committed at the end."""

    def __init__(self, store: Repository, key: Key, manifest: Manifest, codec: ObjectCodec) -> None:
        self.store = store
        self.key = key
        self.manifest = manifest
        self.codec = codec

    def put(self, plaintext: bytes) -> bytes:
        """Stores an object; returns its id."""
        id, sealed = self.codec.seal_object(plaintext)
        self.store.put_many(sealed)
        return id

    def mangle(self, id: bytes) -> None:
        """Spoils an object so that its checksums are right and its content is not."""
        content = bytearray(bytes(self.store.get(id)))
        content[-3] ^= 1
        self.store.put(id, bytes(content))

    def fields(self, archive: str) -> Fields:
        """What the archive object says, without its authentication."""
        plaintext = self._archive_object(archive)
        return verify_archive(self.key, plaintext, archive)[0]

    def replace(self, archive: str, fields: Fields, *, with_tam: bool = True) -> None:
        """Another archive object under that name; the old one goes."""
        self.replace_object(archive, pack_with_tam(self.key, fields, b"archive") if with_tam else pack_sorted(fields))

    def replace_object(self, archive: str, plaintext: bytes) -> None:
        old = self.manifest.archives[archive]
        self.manifest.archives[archive] = ArchiveEntry(archive, self.put(plaintext), old.timestamp)
        self.store.delete(old.id)

    def item_ids(self, archive: str) -> list[bytes]:
        return parse_archive(self.key, self._archive_object(archive), archive).items

    def stream(self, archive: str) -> bytes:
        """The whole item stream."""
        return b"".join(bytes(self.key.opener.open(self.store.get(id), id)) for id in self.item_ids(archive))

    def replace_stream(self, archive: str, stream: bytes, *cuts: int) -> list[bytes]:
        """Another item stream, cut at these places; returns its ids. The chunks of the old one go."""
        for id in self.item_ids(archive):
            self.store.delete(id)
        places = [0, *cuts, len(stream)]
        ids = [self.put(stream[start:stop]) for start, stop in pairwise(places)]
        self.replace(archive, {**self.fields(archive), b"items": ids})
        return ids

    def _archive_object(self, archive: str) -> bytes:
        id = self.manifest.archives[archive].id
        return bytes(self.key.opener.open(self.store.get(id), id))


@contextmanager
def forging(repository: Path, *, keep_manifest: bool = False) -> Iterator[Forger]:
    """A forger at work. The manifest is written at the end, unless it is to stay as the forger left it."""
    with Repository(str(repository), exclusive=True) as store:
        stored = store.get(MANIFEST_KEY)
        key = open_key(store, stored, given(PASSPHRASE))
        counters = CounterAllocator(store, str(repository.parent / "forger-nonce"), key.first_counter(stored))
        codec = ObjectCodec(key, counters if key.encrypts else None, Compressor("lz4"))
        manifest = Manifest.load(store, key, stored=stored)
        yield Forger(store, key, manifest, codec)
        if not keep_manifest:
            manifest.write(store, codec)
        store.commit()


def forged(act: Callable[[Forger], object], *, keep_manifest: bool = True) -> Damage:
    """The damage that a forger does."""

    def damage(repository: Path) -> None:
        with forging(repository, keep_manifest=keep_manifest) as forger:
            act(forger)

    return damage
