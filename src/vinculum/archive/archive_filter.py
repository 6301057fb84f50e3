"""Choosing archives of a repository: by name, by age, by order."""

from __future__ import annotations

import re

from vinculum.archive.patterns import translate_shell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vinculum.archive.manifest import ArchiveEntry

SORT_KEYS = ("timestamp", "archive", "name", "id")
CHECKPOINT_MARK = ".checkpoint"


def _sort_value(entry: ArchiveEntry, key: str) -> object:
    if key == "timestamp":
        return entry.time
    return entry.id if key == "id" else entry.name


class ArchiveFilter:
    """Name first, then order, then how many from which end. Immutable."""

    __slots__ = ("consider_checkpoints", "first", "glob", "last", "sort_by")

    def __init__(
        self,
        glob: str | None = None,
        sort_by: tuple[str, ...] = ("timestamp",),
        first: int = 0,
        last: int = 0,
        consider_checkpoints: bool = True,
    ) -> None:
        self.glob = glob
        self.sort_by = sort_by
        self.first = first
        self.last = last
        self.consider_checkpoints = consider_checkpoints

    def without_counts(self) -> ArchiveFilter:
        """The same, but for the first and the last ones."""
        return ArchiveFilter(self.glob, self.sort_by, consider_checkpoints=self.consider_checkpoints)

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
