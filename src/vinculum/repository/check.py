"""Checks the segment files of a repository, and repairs what is left of damaged ones.

    scan      every entry of every segment up to the last COMMIT, with its checksum
    index     rebuilt from them, is the one on disk
    repair    damaged segments are replaced by what is whole in them, index and hints by those that belong to the result

Checking changes nothing. Repairing follows a rule that makes it safe to die at any point: what is derived (index, hints) goes
first, a damaged segment is replaced by a complete new one in one step, and every step is told before it is done.
"""

from __future__ import annotations

import os
import time

from vinculum._native import RepositoryIndex
from vinculum.errors import IntegrityError
from vinculum.repository.config import write_config
from vinculum.repository.hints import Hints
from vinculum.repository.recovery import replay_segment
from vinculum.repository.segment_writer import SegmentWriter
from vinculum.repository.segments import COMMIT_ENTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum._native import SegmentEntries
    from vinculum.events import Sink
    from vinculum.repository.committed import CommittedState
    from vinculum.repository.config import RepositoryConfig
    from vinculum.repository.index_files import IndexFiles
    from vinculum.repository.segments import Segments
    from vinculum.repository.storage import Storage

OPERATION = "repository.check"
# Segments are scanned in parallel, so many and so much at a time.
_MOST_SEGMENTS = 32
_FEW_SEGMENTS = 4
_ENOUGH_BYTES = 64 << 20
_TOPIC = "repository"
_CHECKED = "last_segment_checked"


class RepositoryCheck:
    """One check of a whole repository, whose config remembers how far a check in parts has come. Confined to one thread."""

    def __init__(
        self,
        segments: Segments,
        committed: CommittedState,
        storage: Storage,
        config: RepositoryConfig,
        path: str,
        sink: Sink | None,
    ) -> None:
        """`path` is what people call the repository."""
        self._segments = segments
        self._committed = committed
        self._storage = storage
        self._config = config
        self._path = path
        self._sink = sink

    def compare(self) -> bool:
        """Reads everything and compares with the index on disk; False if anything is wrong."""
        return self._run("full", self._compare)

    def go_on(self, max_duration_s: int) -> bool:
        """Reads on from where an earlier check ended for want of time; False if anything is wrong in what was read."""
        return self._run("partial", lambda check, _: self._go_on(check, max_duration_s))

    def repair(self) -> bool:
        """Leaves nothing damaged; False only if there is nothing at all."""
        return self._run("full", self._repair, repairs=True)

    def _run(self, kind: str, look: Callable[[SegmentCheck, RepositoryIndex | None], None], *, repairs: bool = False) -> bool:
        self._info("Starting repository check")
        self._tell_lost_commit()
        transaction, index = self._committed.find()
        if transaction is None:
            self._error("This repository contains no valid data.")
            return False
        check = SegmentCheck(self._segments, transaction, self._path, self._sink)
        look(check, index)
        if not check.errors:
            self._info(f"Finished {kind} repository check, no problems found.")
        elif repairs:
            self._info(f"Finished {kind} repository check, errors found and repaired.")
        else:
            self._error(f"Finished {kind} repository check, errors found.")
        return repairs or not check.errors

    def _compare(self, check: SegmentCheck, index: RepositoryIndex | None) -> None:
        self._note_checked(None)
        check.compare(index)

    def _go_on(self, check: SegmentCheck, max_duration_s: int) -> None:
        self._note_checked(check.go_on(int(self._config.values.get(_CHECKED, -1)), max_duration_s))

    def _repair(self, check: SegmentCheck, _: RepositoryIndex | None) -> None:
        self._note_checked(None)
        self._committed.become(*check.repair(self._storage, self._committed.files, self._config.max_segment_size))

    def _note_checked(self, segment: int | None) -> None:
        """Remembers up to where a partial check has come; None if the next one is to begin anew."""
        values = self._config.values
        if segment is None:
            if values.pop(_CHECKED, None) is None:
                return
        else:
            values[_CHECKED] = str(segment)
        write_config(self._storage, self._config, sink=self._sink)

    def _tell_lost_commit(self) -> None:
        """An index is saved behind the COMMIT of its transaction: if there is none, it was damaged."""
        last, saved = self._segments.find_last_committed(), self._committed.files.find_transaction()
        if last is not None and saved is not None and saved > last and self._sink is not None:
            text = (
                f"index.{saved} tells of a transaction whose commit cannot be read any more: what came after segment {last} "
                "counts as never written, and goes with the next repair or the next command that writes."
            )
            self._sink.warning(text, 0, topic=_TOPIC)

    def _error(self, text: str) -> None:
        if self._sink is not None:
            self._sink.error(text, topic=_TOPIC)

    def _info(self, text: str) -> None:
        if self._sink is not None:
            self._sink.info(text, _TOPIC)


class SegmentCheck:
    """One check of the segments up to the one with the number `last`. Confined to one thread."""

    def __init__(self, segments: Segments, last: int, path: str, sink: Sink | None) -> None:
        """`path` is what people call the repository."""
        self.errors = 0
        self._segments = segments
        self._last = last
        self._path = path
        self._sink = sink
        self._present = segments.numbers()

    # -- looking -------------------------------------------------------------------------------------------------------

    def compare(self, committed: RepositoryIndex | None) -> None:
        """Reads all segments and compares the index that they make with the one on disk, if there is one."""
        rebuilt = RepositoryIndex()
        for number, entries in self._scan(self._numbers_after(-1)):
            if entries is not None:
                rebuilt.replay(entries, number)
        self._tell_end()
        self._info("Starting repository index check")
        if committed is None:
            return
        if len(committed) == len(rebuilt):
            self._info("Index object count match.")
        else:
            self._error("Index object count mismatch.")
            self._error(f"committed index: {len(committed)} objects")
            self._error(f"rebuilt index:   {len(rebuilt)} objects")
        for id, here, there in rebuilt.differences(committed):
            self._error(f"ID: {id.hex()} rebuilt index: {_place(here)} committed index: {_place(there)}")

    def go_on(self, checked: int, max_duration_s: int) -> int | None:
        """Reads the segments after `checked` until the time is over; the last one that was read then, None if all were."""
        begun_s = time.monotonic()
        self._info(f"skipping to segments >= {checked + 1}")
        for number, _ in self._scan(self._numbers_after(checked), few=1):
            if time.monotonic() - begun_s > max_duration_s:
                self._info(f"finished partial segment check, last segment checked is {number}")
                return number
        self._tell_end()
        return None

    # -- repairing -----------------------------------------------------------------------------------------------------

    def repair(self, storage: Storage, files: IndexFiles, size_limit: int) -> tuple[int, RepositoryIndex, Hints]:
        """Makes all segments valid; returns the transaction that the repository is in then, and its state, to be saved."""
        self._segments.remove_after(self._last)
        self._present = self._numbers_after(-1)
        transaction, index, hints = self._last, RepositoryIndex(), Hints()
        is_derived_gone = False
        for number, entries in self._scan(self._present):
            if entries is None:
                self._info(f"attempting to recover {self._file(number)}")
                if not is_derived_gone:
                    # It would tell of places that are others soon.
                    files.remove_all()
                    is_derived_gone = True
                self._segments.recover(number)
                entries = self._segments.scan(number)
            replay_segment(self._segments, number, entries, index, hints)
        self._tell_end()
        if self._segments.find_last_committed() is None:
            self._error(f"Adding commit tag to segment {transaction}")
            transaction = SegmentWriter(storage, self._segments, transaction + 1, size_limit).commit()
            hints.count_puts(transaction, 0, 0)
            hints.free(transaction, len(COMMIT_ENTRY))
        self._info("Starting repository index check")
        return transaction, index, hints

    # -- inside --------------------------------------------------------------------------------------------------------

    def _numbers_after(self, number: int) -> list[int]:
        return [present for present in self._present if number < present <= self._last]

    def _scan(self, numbers: list[int], *, few: int = _FEW_SEGMENTS) -> Iterator[tuple[int, SegmentEntries | None]]:
        """The entries of each segment, None if it is damaged, which is reported."""
        done = 0
        while done < len(numbers):
            batch = self._batch(numbers, done, few)
            self._show(done + 1, len(numbers))
            for number, found in zip(batch, self._segments.scan_many(batch), strict=True):
                done += 1
                self._show(done, len(numbers))
                if isinstance(found, str):
                    self._error(str(IntegrityError(f"segment {number}: {found}")))
                    yield number, None
                else:
                    yield number, found

    def _batch(self, numbers: list[int], start: int, few: int) -> list[int]:
        batch, size = [], 0
        for number in numbers[start : start + _MOST_SEGMENTS]:
            batch.append(number)
            size += self._segments.size(number)
            if len(batch) >= few and size >= _ENOUGH_BYTES:
                break
        return batch

    def _show(self, number: int, total: int) -> None:
        if self._sink is not None:
            self._sink.progress(OPERATION, number, total, "")

    def _tell_end(self) -> None:
        # Uncommitted segments behind the last one count here, so says Borg.
        self._info(f"finished segment check at segment {self._present[-1] if self._present else -1}")
        if self._sink is not None:
            self._sink.finished(OPERATION)

    def _file(self, number: int) -> str:
        return os.path.join(self._path, self._segments.name(number))

    def _error(self, text: str) -> None:
        self.errors += 1
        if self._sink is not None:
            self._sink.error(text, topic=_TOPIC)

    def _info(self, text: str) -> None:
        if self._sink is not None:
            self._sink.info(text, _TOPIC)


def _place(position: tuple[int, int] | None) -> str:
    return f"{position or '<not found>'!s:<16}"
