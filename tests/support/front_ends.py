"""How two web front-ends of Borg, borg-ui and Borg Backup Server, read what a command says: each line as it comes.

Neither reads all that Borg tells. What counts is what they make of it, so that is what two programs are compared by.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from support.programs import Completed

# borg-ui drops the jobs of pruned archives by these lines, and learns a warning's exit code from the last one of a log.
PRUNED = re.compile(r"Pruning archive(?: \(\d+/\d+\))?:\s+(?P<name>.+?)\s+\w{3}, \d{4}-\d\d-\d\d ")
EXIT_CODE = re.compile(r"rc\s+(\d+)")
SPOKEN_LEVELS = ("WARNING", "ERROR", "CRITICAL")
# What Borg Backup Server does not bother its users with.
ROUTINE = ("file changed while we backed it up", "stat: [Errno 2]", "[Errno 13]", "[Errno 1]")


class Understood(NamedTuple):
    """What is left of a run in the front-end's data base."""

    code: int
    document: Any
    """What stdout holds, if that is JSON."""
    catalogue: list[tuple[str, str]]
    """Path and status of each file that was told."""
    restored: int
    """How many lines there were on the list of an extraction."""
    total: int | None
    """What percentages are of."""
    is_finished: bool
    """Whether the progress of an archive, or of a step, came to an end."""
    problems: list[tuple[str, str | None]]
    """Level and msgid of what is shown to the user."""
    exit_code_told: int | None
    pruned: list[str]
    unreadable: list[str]
    """Lines that are no JSON."""

    @property
    def statistics(self) -> dict[str, int]:
        """Of a new archive; the compressed size of its metadata hangs on the clock, so the other two."""
        found = self.document["archive"]["stats"]
        return {name: found[name] for name in ("nfiles", "original_size")}


def understand(done: Completed) -> Understood:
    """Reads all of it; KeyError where something is missing that both need."""
    catalogue: list[tuple[str, str]] = []
    problems: list[tuple[str, str | None]] = []
    pruned: list[str] = []
    unreadable: list[str] = []
    restored, total, is_finished, told = 0, None, False, None
    for line in done.err.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            unreadable.append(line)
            continue
        kind = entry["type"]
        if kind == "archive_progress":
            is_finished = entry["finished"]
            if not is_finished:
                assert entry["original_size"] >= 0
                assert entry["nfiles"] >= 0
                assert isinstance(entry["path"], str)
        elif kind == "progress_percent":
            is_finished = entry["finished"]
            if not is_finished:
                assert 0 <= entry["current"] <= entry["total"]
                total = entry["total"]
        elif kind == "file_status":
            catalogue.append((entry["path"], entry["status"][0].upper()))
        elif kind == "log_message":
            level, message = entry["levelname"], entry["message"]
            restored += entry["name"] == "borg.output.list"
            if level in SPOKEN_LEVELS:
                problems.append((level, entry.get("msgid")))
            if level == "WARNING" and (found := EXIT_CODE.search(message)):
                told = int(found[1])
            if found := PRUNED.search(message):
                pruned.append(found["name"])
    return Understood(
        done.code,
        _document(done.out),
        sorted(catalogue),
        restored,
        total,
        is_finished,
        problems,
        told,
        sorted(pruned),
        unreadable,
    )


def is_worth_telling(message: str) -> bool:
    """Whether Borg Backup Server calls a backup one with warnings because of a line."""
    return not any(words in message for words in ROUTINE)


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
