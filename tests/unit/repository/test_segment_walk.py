"""Walking along segment files: the order of the disk, what no index knows, what is behind damage."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from vinculum.errors import LockFailed
from vinculum.events import NullSink
from vinculum.repository.repository import Repository
from vinculum.repository.segments import COMMIT, COMMIT_ENTRY, DELETE, KEYED_SIZE, PUT


def _id(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


class Warnings(NullSink):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def warning(self, text: str, modern_code: int = 1, msgid: str = "", topic: str = "", path: bytes = b"") -> None:  # noqa: ARG002
        self.texts.append(text)


@pytest.fixture
def written(path: Path) -> Path:
    """Twenty objects, one of them written anew, one deleted."""
    with Repository(str(path), exclusive=True) as repository:
        for number in range(20):
            repository.put(_id(number), b"object %d" % number)
        repository.commit()
        repository.put(_id(3), b"new")
        repository.delete(_id(4))
        repository.commit()
    return path


def _in_disk_order(path: Path, sink: Warnings | None = None) -> list[bytes]:
    with Repository(str(path), sink=sink) as repository:
        return list(repository.ids_in_disk_order())


def test_ids_come_as_they_lie_on_the_disk(written: Path) -> None:
    assert _in_disk_order(written) == [_id(number) for number in (0, 1, 2, *range(5, 20), 3)]


def test_objects_can_be_read_on_the_way(written: Path) -> None:
    with Repository(str(written)) as repository:
        assert [bytes(repository.get(id)) for id in repository.ids_in_disk_order()][-2:] == [b"object 19", b"new"]


def test_ghosts_are_everything(written: Path) -> None:
    with Repository(str(written)) as repository:
        ghosts = [(number, entry.tag, entry.id, entry.data) for number, entry in repository.ghosts()]
        here = [(number, entry.offset) for number, entry in repository.ghosts(offset=8)]
    puts = [(0, PUT, _id(number), b"object %d" % number) for number in range(20)]
    assert ghosts[:21] == [*puts, (1, COMMIT, b"", b"")]
    assert ghosts[21:] == [(2, DELETE, _id(3), b""), (2, PUT, _id(3), b"new"), (2, DELETE, _id(4), b""), (3, COMMIT, b"", b"")]
    assert here == [(0, 8), (1, 8), (2, 8), (3, 8)]


@pytest.mark.parametrize(
    ("at", "content", "complaint"),
    [
        (0, b"junk", "no segment begins"),
        (8 + 4, bytes(4), "no entry can have 0 bytes"),
        (8 + 8, b"\x07", "unknown tag 7"),
        (8 + 4, b"\xff\xff\xff\x7f", "no entry can have"),
    ],
)
def test_damage_hides_the_rest_of_a_segment_only(written: Path, at: int, content: bytes, complaint: str) -> None:
    with open(written / "data" / "0" / "0", "r+b") as file:
        file.seek(at)
        file.write(content)
    sink = Warnings()
    assert _in_disk_order(written, sink) == [_id(3)]
    with Repository(str(written), sink=sink) as repository:
        assert {number for number, _ in repository.ghosts()} == {1, 2, 3}
    assert len(sink.texts) == 2
    assert all(complaint in text and str(written / "data" / "0" / "0") in text for text in sink.texts)


@pytest.mark.parametrize(("left", "ghosts", "ids"), [(KEYED_SIZE + 3, 1, 2), (KEYED_SIZE - 3, 1, 1), (5, 1, 1)])
def test_a_segment_may_end_anywhere(written: Path, left: int, ghosts: int, ids: int) -> None:
    segment = written / "data" / "0" / "0"
    first = KEYED_SIZE + len(b"object 0")
    segment.write_bytes(segment.read_bytes()[: 8 + first + left])
    sink = Warnings()
    assert len(_in_disk_order(written, sink)) == ids + 1
    with Repository(str(written), sink=sink) as repository:
        assert len(list(repository.ghosts(segment=0))) == ghosts
    assert all("cut off" in text for text in sink.texts)


def test_only_ghosts_have_their_checksums_verified(written: Path) -> None:
    with open(written / "data" / "0" / "0", "r+b") as file:
        file.seek(8 + KEYED_SIZE)
        file.write(b"OBJECT")
    sink = Warnings()
    assert len(_in_disk_order(written, sink)) == 19
    assert sink.texts == []
    with Repository(str(written), sink=sink) as repository:
        assert list(repository.ghosts(segment=0)) == []
    assert "checksum" in sink.texts[0]


def test_hints_are_those_that_a_transaction_begins_with(written: Path) -> None:
    with Repository(str(written)) as repository, pytest.raises(LockFailed):
        repository.hints()
    with Repository(str(written), exclusive=True) as repository:
        hints = repository.hints()
        assert hints.segments == {0: 18, 1: 0, 2: 1, 3: 0}
        assert dict(hints.shadow_items()) == {_id(3): [0], _id(4): [0]}
        assert hints.compact[1] == len(COMMIT_ENTRY)
        repository.put(_id(3), b"never committed")
        repository.rollback()
        assert dict(repository.hints().shadow_items()) == {_id(3): [0], _id(4): [0]}
