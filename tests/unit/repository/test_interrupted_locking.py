"""A signal's exception at any line of taking and giving back locks: in the end none is left."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from vinculum.cli.signals import Terminated
from vinculum.platform import files, last_resorts
from vinculum.repository import lock_files, locking, repository
from vinculum.repository.locking import Lock
from vinculum.repository.repository import Repository

WATCHED = {locking.__file__, lock_files.__file__, files.__file__, repository.__file__}


@pytest.fixture(autouse=True)
def little_to_collect() -> Iterator[None]:
    """What the tests have loaded takes the collector longer than all else in here."""
    gc.freeze()
    yield
    gc.unfreeze()


class Striker:
    """Raises what a signal raises at the given one of all events in the watched modules; counts them."""

    def __init__(self, when: int) -> None:
        self.events = 0
        self._when = when

    def __call__(self, frame: FrameType, _event: str, _argument: object) -> Striker | None:
        if frame.f_code.co_filename not in WATCHED:
            return None
        self.events += 1
        if self.events == self._when:
            sys.settrace(None)
            raise Terminated(15)
        return self

    @contextmanager
    def at_work(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            yield
        except Terminated:
            pass
        finally:
            sys.settrace(before)


def use_repository(path: Path, *, exclusive: bool) -> None:
    with Repository(str(path), exclusive=exclusive) as opened:
        opened.list()


def turn_lock(path: Path) -> None:
    lock = Lock(str(path), exclusive=False)
    lock.acquire()
    lock.upgrade()
    lock.downgrade()
    lock.release()


@pytest.mark.parametrize(
    "work",
    [lambda path: use_repository(path, exclusive=True), lambda path: use_repository(path, exclusive=False), turn_lock],
    ids=["exclusive", "shared", "turning"],
)
def test_no_lock_is_left_wherever_a_signal_strikes(work: Callable[[Path], None], tmp_path: Path) -> None:
    place = tmp_path / "repository"
    Repository.create(str(place))
    untouched = sorted(os.listdir(place))
    peaceful = Striker(0)
    with peaceful.at_work():
        work(place)
    assert peaceful.events > 100
    left = 0
    for when in range(1, peaceful.events + 1):
        with Striker(when).at_work():
            work(place)
        left += sorted(os.listdir(place)) != untouched
        last_resorts.run()
        assert sorted(os.listdir(place)) == untouched, f"after event {when}"
    assert left, "no `finally` missed anything, so nothing was tested"


def test_locks_of_others_stay(tmp_path: Path) -> None:
    lock = Lock(str(tmp_path), exclusive=True)
    lock.acquire()
    holder = next((tmp_path / "lock.exclusive").iterdir())
    holder.rename(holder.with_name("other@1.4711-0"))
    (tmp_path / "lock.roster").write_text('{"exclusive": [["other@1", 4711, 0]], "shared": []}')
    last_resorts.run()
    assert (tmp_path / "lock.exclusive" / "other@1.4711-0").exists()
    assert "other@1" in (tmp_path / "lock.roster").read_text()
