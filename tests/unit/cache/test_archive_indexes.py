"""The indexes that Borg keeps per archive are read, verified, replaced and dropped as Borg would."""

from __future__ import annotations

from pathlib import Path

import pytest

from vinculum._native import ChunkIndex
from vinculum.cache.archive_indexes import ArchiveIndexes
from vinculum.formats.integrity import HASH_INDEX_PARTS, integrity_string

ARCHIVE = b"\xa1" * 32
OTHER = b"\xb2" * 32
NAME = ARCHIVE.hex() + ".compact"


def some_index() -> ChunkIndex:
    index = ChunkIndex()
    for number in range(100):
        index.add(bytes([number]) * 32, number + 1, 1000 + number, 500 + number)
    return index


def entries(index: ChunkIndex | None) -> dict[bytes, tuple[int, int, int] | None]:
    assert index is not None
    return {id: index.get(id) for id in index.ids()}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    place = tmp_path / "chunks.archive.d"
    place.mkdir()
    return place


def test_index_comes_back_as_it_was_saved(directory: Path) -> None:
    indexes = ArchiveIndexes(str(directory))
    indexes.save(ARCHIVE, some_index())
    assert entries(indexes.load(ARCHIVE)) == entries(some_index())
    assert indexes.ids() == {ARCHIVE}
    assert indexes.load(OTHER) is None
    assert sorted(path.name for path in directory.iterdir()) == [NAME, NAME + ".integrity"]


def test_files_are_compact_with_a_verifiable_digest(directory: Path) -> None:
    ArchiveIndexes(str(directory)).save(ARCHIVE, some_index())
    content = (directory / NAME).read_bytes()
    assert len(content) == 18 + 100 * 44
    assert (directory / (NAME + ".integrity")).read_text() == integrity_string(NAME, content, HASH_INDEX_PARTS)


def test_index_with_wrong_digest_is_removed(directory: Path) -> None:
    indexes = ArchiveIndexes(str(directory))
    indexes.save(ARCHIVE, some_index())
    content = bytearray((directory / NAME).read_bytes())
    content[-1] ^= 1
    (directory / NAME).write_bytes(content)
    assert indexes.load(ARCHIVE) is None
    assert list(directory.iterdir()) == []


def test_malformed_digest_counts_as_wrong(directory: Path) -> None:
    indexes = ArchiveIndexes(str(directory))
    indexes.save(ARCHIVE, some_index())
    (directory / (NAME + ".integrity")).write_bytes(b"\xff{")
    assert indexes.load(ARCHIVE) is None


def test_index_without_digest_is_trusted_if_it_is_one(directory: Path) -> None:
    indexes = ArchiveIndexes(str(directory))
    indexes.save(ARCHIVE, some_index())
    (directory / (NAME + ".integrity")).unlink()
    assert entries(indexes.load(ARCHIVE)) == entries(some_index())
    (directory / NAME).write_bytes(b"something else")
    assert indexes.load(ARCHIVE) is None


def test_index_of_an_old_program_is_used(directory: Path) -> None:
    (directory / ARCHIVE.hex()).write_bytes(bytes(memoryview(some_index().save())))
    indexes = ArchiveIndexes(str(directory))
    assert indexes.ids() == {ARCHIVE}
    assert entries(indexes.load(ARCHIVE)) == entries(some_index())


def test_removed_index_leaves_nothing(directory: Path) -> None:
    indexes = ArchiveIndexes(str(directory))
    indexes.save(ARCHIVE, some_index())
    indexes.save(OTHER, some_index())
    indexes.remove(ARCHIVE)
    assert indexes.ids() == {OTHER}
    indexes.clear()
    assert list(directory.iterdir()) == []


def test_strange_names_are_ignored(directory: Path) -> None:
    for name in ("README", "zz" * 32, "zz" * 32 + ".compact", ARCHIVE.hex() + ".tmp", ARCHIVE.hex() + ".integrity"):
        (directory / name).write_bytes(b"")
    assert ArchiveIndexes(str(directory)).ids() == set()


@pytest.mark.parametrize("is_file", [True, False])
def test_place_that_is_no_directory_holds_nothing(tmp_path: Path, is_file: bool) -> None:
    place = tmp_path / "chunks.archive.d"
    if is_file:
        place.write_bytes(b"")
    indexes = ArchiveIndexes(str(place))
    assert indexes.ids() == set()
    indexes.clear()
    assert place.exists() == is_file
