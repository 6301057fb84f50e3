"""What was struck and what came of it, written down as it happens, so that many runs together make one complete round.

A file of JSON lines: each run, each plan of what is to be struck in a command, each strike. Whatever ends a run, even kill -9,
what it did counts; the next run with the same file goes on with what is left.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

STRUCK, MISSED, NOTHING, BROKEN = "struck", "missed", "nothing", "broken"
"""It happened; it came too late; there was nothing to strike, as with a disk that is large enough; a promise was not kept."""


class Task(NamedTuple):
    """One strike that is to be made."""

    round: int
    scenario: str
    place: str
    mode: str
    kind: str
    at: int


class Plan(NamedTuple):
    """How much there is to strike in a command."""

    round: int
    scenario: str
    place: str
    mode: str
    calls: int
    """System calls that change something."""
    pages: int
    """By how many pages a disk may be too small for it."""


class Run:
    """What one run did."""

    def __init__(self, commit: str, workers: int, began: float) -> None:
        self.commit = commit
        self.workers = workers
        self.strikes = 0
        self.began = self.ended = began


class Journal:
    """One file; any thread may write to it."""

    def __init__(self, path: Path) -> None:
        self.runs: list[Run] = []
        self.plans: list[Plan] = []
        self.strikes: dict[Task, dict[str, Any]] = {}
        """The last of each."""
        self.broken: list[tuple[Task, str]] = []
        """Every promise that was ever not kept."""
        self._lock = threading.Lock()
        if path.exists():
            for line in path.read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    self._take(json.loads(line))
                else:  # whoever wrote it was killed
                    os.truncate(path, path.stat().st_size - len(line.encode()))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a")

    def close(self) -> None:
        self._file.close()

    def note_run(self, commit: str, workers: int) -> None:
        """A run begins."""
        self._write({"run": [commit, workers]})

    def note_plan(self, plan: Plan) -> None:
        self._write({"plan": plan})

    def note_strike(self, task: Task, end: str, **facts: Any) -> None:
        """`end` is one of the four above."""
        self._write({"strike": task, "end": end, **facts})

    def is_done(self, task: Task) -> bool:
        """Whether it need not be done again: what broke a promise has to show that it does not any more."""
        return task in self.strikes and self.strikes[task]["end"] != BROKEN

    def unresolved(self) -> list[tuple[Task, str]]:
        """Broken promises that were not kept since."""
        return [(task, what) for task, what in self.broken if not self.is_done(task)]

    def _write(self, record: dict[str, Any]) -> None:
        with self._lock:
            line = json.dumps({"time": round(time.time(), 1), **record})
            self._file.write(f"{line}\n")
            self._file.flush()
            self._take(json.loads(line))

    def _take(self, record: dict[str, Any]) -> None:
        if "run" in record:
            self.runs.append(Run(*record["run"], record["time"]))
        elif "plan" in record:
            self.plans.append(Plan(*record["plan"]))
        else:
            task = Task(*record["strike"])
            self.strikes[task] = record
            self.runs[-1].strikes += 1
            self.runs[-1].ended = record["time"]
            if record["end"] == BROKEN:
                self.broken.append((task, record["what"]))
