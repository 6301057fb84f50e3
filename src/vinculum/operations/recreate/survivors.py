"""Which items of an archive are in the new one, and hard links whose first link is not.

An archive keeps the content of linked files with the first link. If that stays out, the first of the links that remain takes
the content over, and the others become links to it.
"""

from __future__ import annotations

import os
import stat

from vinculum.archive.patterns import INCLUDE
from vinculum.operations.extract.selection import LINKABLE, is_hard_link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum import _native
    from vinculum.archive.patterns import PatternMatcher
    from vinculum.events import Sink

_LETTERS = {
    stat.S_IFREG: "A",
    stat.S_IFDIR: "d",
    stat.S_IFBLK: "b",
    stat.S_IFCHR: "c",
    stat.S_IFLNK: "s",
    stat.S_IFIFO: "f",
}


class Survivors:
    """Decides item by item, in the order of the archive. Confined to one thread."""

    def __init__(self, matcher: PatternMatcher, sink: Sink, *, dry_run: bool) -> None:
        self._matcher = matcher
        self._sink = sink
        self._dry_run = dry_run
        self._left_out: dict[bytes, _native.Item] = {}  # first links that stay out, by path
        self._successors: dict[bytes, bytes] = {}  # path of such a link -> path of the one that has its content now

    def of(self, batch: list[_native.Item]) -> list[_native.Item]:
        """The items that remain, as they are to be archived; reports every file. Part files never remain."""
        whole = [item for item in batch if item.part is None]
        if self._matcher.is_trivial:
            self._report(whole)
            return whole
        remaining = []
        for item in whole:
            path = item.path
            if self._matcher.decide(os.fsdecode(path)) == INCLUDE:
                remaining.append(self._relinked(item, path))
                self._report([item])
                continue
            self._sink.status("x", path)
            if item.source is None and item.hardlink_master and stat.S_IFMT(item.mode) in LINKABLE:
                self._left_out[path] = item
        return remaining

    def _relinked(self, item: _native.Item, path: bytes) -> _native.Item:
        if not self._left_out or not is_hard_link(item):
            return item
        source = item.source
        assert source is not None  # as it is a link
        if source not in self._left_out:
            return item
        successor = self._successors.setdefault(source, path)
        return item.in_place_of(self._left_out[source]) if successor == path else item.linked_to(successor)

    def _report(self, items: list[_native.Item]) -> None:
        if self._sink.wants_files:
            for item in items:
                self._sink.status("-" if self._dry_run else _LETTERS.get(stat.S_IFMT(item.mode), "?"), item.path)
