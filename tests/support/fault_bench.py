"""A repository that is struck again and again: the same work on a fresh copy, with another call failing each time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from support.faulty_storage import FaultyStorage, Killed, PowerCutStorage
from vinculum.repository.repository import Repository
from vinculum.repository.segments import Segments
from vinculum.repository.storage import LocalStorage, Storage

Work = Callable[[Repository], object]


def leftovers(path: Path) -> list[int]:
    """The segments after the last COMMIT."""
    with Repository(str(path)) as repository:
        segments = Segments(LocalStorage(str(path)), repository.config.segments_per_dir)
        committed = segments.find_last_committed()
        found = segments.numbers_after(-1 if committed is None else committed)
        segments.close()
    return found


class Strike(NamedTuple):
    """What one fault did."""

    path: Path
    call: str
    """The call that failed."""
    number: int
    survived: bool
    """Whether the work was done nevertheless."""

    def __str__(self) -> str:
        return f"after {self.call} {self.number}"


class FaultBench:
    """Carries out some work on copies of a prepared repository."""

    def __init__(self, prepared: Path, place: Path) -> None:
        self._prepared = prepared
        self._place = place / "repo"

    def copy(self) -> Path:
        """A fresh copy, in the place of the one before."""
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._prepared, self._place)
        return self._place

    def attempt(self, work: Work, path: Path, storage: Storage) -> bool:
        """Does the work on a storage that may fail; False if it did."""
        try:
            with Repository(str(path), exclusive=True, storage=storage) as repository:
                work(repository)
        except (Killed, OSError):
            return False
        finally:
            if isinstance(storage, FaultyStorage):
                storage.bury()
            # A killed process leaves its lock behind; here it is our own one, which is never stale.
            shutil.rmtree(path / "lock.exclusive", ignore_errors=True)
            (path / "lock.roster").unlink(missing_ok=True)
        return True

    def count(self, work: Work) -> int:
        """How many calls that change something the work takes."""
        path = self.copy()
        counter = FaultyStorage(LocalStorage(str(path)), -1, None)
        assert self.attempt(work, path, counter)
        return counter.count

    def strikes(self, work: Work, fault: int | None, *, every: int = 1) -> Iterator[Strike]:
        """Lets each call fail in turn, or every so many: with an errno, or by the end of the process if that is None."""
        for number in range(0, self.count(work), every):
            path = self.copy()
            storage = FaultyStorage(LocalStorage(str(path)), number, fault)
            survived = self.attempt(work, path, storage)
            assert storage.failed, "the fault did not happen"
            yield Strike(path, storage.failed, number, survived)

    def power_cuts(self, work: Work, choose: Callable[[], bool], *, every: int = 1) -> Iterator[Strike]:
        """Cuts the power at each call in turn; `choose` decides what is lost. In the last strike, after all of the work."""
        total = self.count(work)
        for number in [*range(0, total, every), total]:
            path = self.copy()
            disk = PowerCutStorage(path)
            storage = FaultyStorage(disk, number, None)
            survived = self.attempt(work, path, storage)
            assert survived == (number == total)
            disk.cut(choose)
            yield Strike(path, storage.failed, number, survived)
