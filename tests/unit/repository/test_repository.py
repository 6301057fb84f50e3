"""Reading, writing, and transactions; the state files they leave, and that damage to either is noticed and mended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.filled_repositories import change_config, content_of, fill, numbered_id, saved_state
from support.store_oracle import files_of
from vinculum.errors import (
    CheckNeeded,
    IntegrityError,
    LockFailed,
    ObjectNotFound,
)
from vinculum.formats.msgpack import pack
from vinculum.objects.limits import MAX_DATA
from vinculum.repository.repository import Repository


def test_objects_of_the_open_transaction_are_readable_and_gone_after_rollback(path: Path) -> None:
    fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        repository.put(numbered_id(1), b"changed")
        repository.put(numbered_id(2), b"two")
        assert bytes(repository.get(numbered_id(1))) == b"changed"
        assert [bytes(data) for data in repository.get_many(numbered_id(2) + numbered_id(1) + numbered_id(2))] == [
            b"two",
            b"changed",
            b"two",
        ]
        repository.rollback()
        assert bytes(repository.get(numbered_id(1))) == b"object 1"
        assert numbered_id(2) not in repository.list()
    assert content_of(path) == {numbered_id(1): b"object 1"}


def test_leaving_without_commit_forgets(path: Path) -> None:
    fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        repository.delete(numbered_id(1))
    assert content_of(path) == {numbered_id(1): b"object 1"}


def test_commit_without_changes_writes_nothing(path: Path) -> None:
    fill(path, 1)
    before = files_of(path)
    with Repository(str(path), exclusive=True) as repository:
        assert len(repository) == 1
        repository.commit()
    assert files_of(path) == before


def test_missing_objects_are_named(path: Path) -> None:
    fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        for attempt in (repository.get, repository.delete, lambda id: repository.get_many(numbered_id(1) + id)):
            with pytest.raises(ObjectNotFound, match=numbered_id(2).hex()):
                attempt(numbered_id(2))


def test_object_of_the_greatest_size_fits_and_no_greater_one(path: Path) -> None:
    with Repository(str(path), exclusive=True) as repository:
        repository.put(numbered_id(1), bytes(MAX_DATA))
        with pytest.raises(IntegrityError, match="too large"):
            repository.put(numbered_id(2), bytes(MAX_DATA + 1))
        repository.commit()
        assert len(repository.get(numbered_id(1))) == MAX_DATA
        assert len(repository) == 1


def test_writing_needs_an_exclusive_lock(path: Path) -> None:
    before = files_of(path)
    for lock in (False, True):
        with Repository(str(path), lock=lock) as repository:
            with pytest.raises(LockFailed):
                repository.put(numbered_id(1), b"")
            with pytest.raises(LockFailed):
                repository.commit_nonce_reservation(1, None)
    assert files_of(path) == before


def test_list_goes_on_after_a_marker(path: Path) -> None:
    fill(path, *range(20))
    with Repository(str(path)) as repository:
        everything = repository.list()
        assert len(everything) == 20
        assert repository.list(limit=7) == everything[:7]
        assert repository.list(limit=7, marker=everything[6]) == everything[7:14]
        assert repository.list(marker=everything[18]) == everything[19:]


def test_damaged_object_is_reported_with_its_segment(path: Path) -> None:
    fill(path, 1)
    segment = path / "data/0/0"
    content = bytearray(segment.read_bytes())
    content[-1] ^= 1
    segment.write_bytes(content)
    with Repository(str(path)) as repository, pytest.raises(IntegrityError, match="segment 0"):
        repository.get(numbered_id(1))


def test_missing_segment_needs_a_check(path: Path) -> None:
    fill(path, 1)
    (path / "data/0/0").unlink()
    with Repository(str(path)) as repository, pytest.raises(CheckNeeded):
        repository.get(numbered_id(1))


def test_more_segments_can_be_read_than_are_kept_open(path: Path) -> None:
    change_config(path, "max_segment_size = 524288000", "max_segment_size = 1")
    fill(path, *range(100))
    descriptors = len(os.listdir("/proc/self/fd"))
    with Repository(str(path)) as repository:
        ids = b"".join(numbered_id(number) for number in range(100))
        assert [bytes(data) for data in repository.get_many(ids)] == [b"object %d" % number for number in range(100)]
        assert len(os.listdir("/proc/self/fd")) <= descriptors + 32
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_damage_met_while_writing_is_repaired_without_losing_what_is_written(path: Path) -> None:
    fill(path, 1)
    fill(path, 2)
    index = path / "index.3"
    index.write_bytes(index.read_bytes()[:-1] + b"x")
    with Repository(str(path), exclusive=True) as repository:
        repository.put(numbered_id(3), b"three")
        repository.put(numbered_id(1), b"one")
        repository.commit()
    assert content_of(path) == {numbered_id(1): b"one", numbered_id(2): b"object 2", numbered_id(3): b"three"}
    assert (path / "index.5").exists()


def test_shared_reader_repairs_damage_and_goes_back_to_its_shared_lock(path: Path) -> None:
    fill(path, 1)
    (path / "hints.1").unlink()
    index = path / "index.1"
    index.write_bytes(index.read_bytes()[:-1] + b"x")
    with Repository(str(path)) as repository:
        assert len(repository) == 1
        assert not (path / "lock.exclusive").exists()
        assert (path / "lock.roster").exists()
        # A commit without changes follows, as in the real programs.
        assert {"index.2", "hints.2", "integrity.2"} <= set(os.listdir(path))
    assert content_of(path) == {numbered_id(1): b"object 1"}


def test_damaged_segment_stops_a_replay(path: Path) -> None:
    fill(path, 1)
    segment = path / "data/0/0"
    segment.write_bytes(segment.read_bytes()[:-1] + b"?")
    (path / "index.1").unlink()
    with Repository(str(path)) as repository, pytest.raises(IntegrityError, match="segment 0"):
        len(repository)


def test_replay_gives_what_writing_gave(path: Path) -> None:
    fill(path, 1, 2, 3)
    with Repository(str(path), exclusive=True) as repository:
        repository.put(numbered_id(1), b"longer than before")
        repository.delete(numbered_id(2))
        repository.commit()
    written = saved_state(path)[1]
    for name in ("index.3", "hints.3", "integrity.3"):
        (path / name).unlink()
    assert content_of(path) == {numbered_id(1): b"longer than before", numbered_id(3): b"object 3"}
    replayed = saved_state(path)[1]
    for key in (b"segments", b"storage_quota_use", b"shadow_index"):
        assert replayed[key] == written[key]


def test_hints_of_version_1_get_their_amounts_computed(path: Path) -> None:
    fill(path, 1, 2)
    fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        repository.delete(numbered_id(2))
        repository.commit()
    (path / "integrity.5").unlink()
    (path / "hints.5").write_bytes(
        pack({b"version": 1, b"segments": {0: 0, 1: 0, 2: 1, 3: 0, 4: 0, 5: 0}, b"compact": [0, 2, 9]})
    )
    with Repository(str(path), exclusive=True) as repository:
        repository.put(numbered_id(3), b"")
        repository.commit()
    sizes = {number: (path / f"data/0/{number}").stat().st_size for number in (0, 2)}
    compact = saved_state(path)[1][b"compact"]
    assert isinstance(compact, dict)
    assert compact[0] == sizes[0]
    assert compact[2] == 41  # the DELETE before the PUT that is current
    assert 9 not in compact
