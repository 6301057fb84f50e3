"""How much a backup is expected to read, by the archives that there are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from support.keys import key_of
from support.memory_store import MemoryStore
from vinculum._native import Compressor
from vinculum.archive.archive import ArchiveMetadata, pack_archive
from vinculum.archive.manifest import ArchiveEntry, Manifest
from vinculum.objects.codec import ObjectCodec
from vinculum.operations.create.expectation import expected_bytes
from vinculum.operations.opened import OpenArchives

KEY = key_of("none")


class Shelf:
    """A repository with archives, of which only the metadata is there."""

    def __init__(self) -> None:
        self.store, self.manifest = MemoryStore(), Manifest.new(KEY)
        self._codec = ObjectCodec(KEY, None, Compressor("lz4"))

    def add(self, name: str, day: int, cmdline: str, size: int | None, hostname: str = "here") -> None:
        time = datetime(2026, 1, day, tzinfo=UTC)
        archive = ArchiveMetadata(name=name, items=[], cmdline=cmdline.split(), time=time, hostname=hostname, size=size)
        id, sealed = self._codec.seal_object(pack_archive(KEY, archive))
        self.store.put_many(sealed)
        self.manifest.archives[name] = ArchiveEntry(name, id, time)

    def expected(self, *paths: str) -> int | None:
        return expected_bytes(OpenArchives(self.store, KEY, self.manifest, self._codec), paths, "here")


def test_the_newest_archive_of_the_same_paths_on_this_machine_tells() -> None:
    shelf = Shelf()
    assert shelf.expected("/home") is None
    shelf.add("a", 1, "borg create repo::a /home", 100)
    shelf.add("c", 3, "borg create --stats repo::c /home /etc", 300)
    shelf.add("d", 4, "borg create repo::d /etc", 400)
    shelf.add("e", 5, "borg create repo::e /home", 500, hostname="elsewhere")
    shelf.add("b", 2, "borg create repo::b /home", 200)
    assert shelf.expected("/home") == 300
    assert shelf.expected("/etc") == 400
    assert shelf.expected("/srv") is None
    assert shelf.expected() == 400, "paths that come from files of patterns are not known"


@pytest.mark.parametrize("size", [None, 0])
def test_archives_that_tell_nothing_are_passed_over(size: int | None) -> None:
    shelf = Shelf()
    shelf.add("old", 1, "borg create repo::old /home", 100)
    shelf.add("new", 2, "borg create repo::new /home", size)
    assert shelf.expected("/home") == 100


def test_a_damaged_archive_does_not_end_a_backup() -> None:
    shelf = Shelf()
    shelf.add("a", 1, "borg create repo::a /home", 100)
    shelf.store.delete(shelf.manifest.archives["a"].id)
    assert shelf.expected("/home") is None
