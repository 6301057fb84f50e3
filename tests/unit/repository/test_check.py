"""Checking segment files: what partial checks remember, and what a repair does to which file."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from support.damage import flip, segments
from support.faulty_storage import RecordingStorage
from support.filled_repositories import numbered_id
from support.store_oracle import CONFIG
from vinculum.errors import Error, LockFailed
from vinculum.events import NullSink
from vinculum.repository import check as module
from vinculum.repository.repository import Repository
from vinculum.repository.storage import LocalStorage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Many small segments."""
    path = tmp_path / "repo"
    Repository.create(str(path))
    (path / "config").write_text(CONFIG.format(segments_per_dir=4, max_segment_size=100))
    with Repository(str(path), exclusive=True) as repository:
        for number in range(12):
            repository.put(numbered_id(number), bytes([number]) * 90)
        repository.commit()
    return path


def _checked(path: Path) -> str | None:
    with Repository(str(path), lock=False) as repository:
        return repository.config.values.get("last_segment_checked")


def test_partial_checks_get_through_all_segments_in_the_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = count()
    monkeypatch.setattr(module.time, "monotonic", lambda: next(seconds))
    flip(segments(path)[-3], 30)
    verdicts, places = [], []
    while not verdicts or _checked(path) is not None:
        with Repository(str(path), exclusive=True) as repository:
            verdicts.append(repository.check(max_duration_s=3))
        places.append(_checked(path))
    assert len(verdicts) > 2
    assert verdicts.count(False) == 1
    numbers = [int(place) for place in places[:-1] if place is not None]
    assert numbers == sorted(set(numbers))


def test_checking_changes_no_file(path: Path) -> None:
    flip(segments(path)[2], 30)
    storage = RecordingStorage(LocalStorage(str(path)))
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        assert not repository.check()
    assert {name for name, _ in storage.calls} <= {"read", "open", "close", "list", "size", "read_at"}


class Listener(NullSink):
    """Remembers warnings that do not make a command end otherwise."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def warning(self, text: str, modern_code: int = 1, *_: str, **__: str) -> None:
        assert modern_code == 0
        self.heard.append(text)


def test_a_commit_that_only_the_index_knows_of_is_told(path: Path) -> None:
    listener = Listener()
    with Repository(str(path), exclusive=True, sink=listener) as repository:
        repository.put(numbered_id(99), b"lost")
        repository.commit()
        assert repository.check()
    assert listener.heard == []
    flip(segments(path)[-1], 16)
    with Repository(str(path), exclusive=True, sink=listener) as repository:
        assert repository.check()
    assert len(listener.heard) == 1
    assert "whose commit cannot be read any more" in listener.heard[0]


def test_a_repair_touches_only_what_is_damaged(path: Path) -> None:
    victim = segments(path)[2]
    whole = {segment: segment.read_bytes() for segment in segments(path) if segment != victim}
    flip(victim, 30)
    with Repository(str(path), exclusive=True) as repository:
        assert repository.check(repair=True)
        assert len(repository) < 12
    assert {segment: segment.read_bytes() for segment in segments(path) if segment != victim} == whole


@pytest.mark.parametrize("repair", [False, True])
def test_what_cannot_be_read_is_not_damaged(path: Path, repair: bool) -> None:
    """It may be whole, and readable again: nothing is replaced, and nothing derived is thrown away."""
    victim = segments(path)[2]
    victim.unlink()
    victim.mkdir()
    before = sorted(path.rglob("*"))
    with Repository(str(path), exclusive=True) as repository, pytest.raises(IsADirectoryError, match=victim.name):
        repository.check(repair=repair)
    assert sorted(path.rglob("*")) == before


def test_what_a_killed_repair_left_behind_does_not_stop_the_next(path: Path) -> None:
    victim = segments(path)[2]
    flip(victim, 30)
    leftover = victim.with_name(f"{victim.name}.tmp")
    leftover.write_bytes(b"half a segment")
    with Repository(str(path), exclusive=True) as repository:
        assert repository.check(repair=True)
    assert not leftover.exists()


def test_repairing_needs_an_exclusive_lock_and_permission(path: Path) -> None:
    with Repository(str(path)) as repository, pytest.raises(LockFailed):
        repository.check(repair=True)
    with Repository(str(path), exclusive=True, append_only=True) as repository, pytest.raises(Error, match="append-only"):
        repository.check(repair=True)


def test_objects_are_read_around_damage(path: Path) -> None:
    flip(segments(path)[2], 60)
    with Repository(str(path), exclusive=True) as repository:
        windows = list(repository.read_all())
    found = {window.ids[at : at + 32] for window in windows for at in range(0, len(window.ids), 32)}
    lost = {id for window in windows for id, _ in window.damaged}
    assert len(found) + len(lost) == sum(map(len, windows)) == 12
    assert len(lost) == 1
    assert found | lost == {numbered_id(number) for number in range(12)}
