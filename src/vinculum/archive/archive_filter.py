"""Choosing archives of a repository: by name, by age, by order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from vinculum.archive.patterns import translate_shell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vinculum.archive.manifest import ArchiveEntry

SORT_KEYS = ("timestamp", "archive", "name", "id")
CHECKPOINT_MARK = ".checkpoint"


def _sort_value(entry: ArchiveEntry, key: str) -> object:
    if key == "timestamp":
        return entry.time
    return entry.id if key == "id" else entry.name


class ArchiveFilter(NamedTuple):
    """Name first, then order, then how many from which end."""

    glob: str | None = None
    sort_by: tuple[str, ...] = ("timestamp",)
    first: int = 0
    last: int = 0
    consider_checkpoints: bool = True

    def select(self, entries: Iterable[ArchiveEntry]) -> list[ArchiveEntry]:
        """The chosen entries in the wanted order (the first sort key counts most)."""
        chosen = list(entries)
        if self.glob:  # an empty one is none
            matches = re.compile(translate_shell(self.glob)).match
            chosen = [entry for entry in chosen if matches(entry.name)]
        if not self.consider_checkpoints:
            chosen = [entry for entry in chosen if CHECKPOINT_MARK not in entry.name]
        for key in reversed(self.sort_by):
            chosen.sort(key=lambda entry: _sort_value(entry, key))  # type: ignore[arg-type, return-value]
        if self.first:
            return chosen[: self.first]
        return chosen[-self.last :] if self.last else chosen
