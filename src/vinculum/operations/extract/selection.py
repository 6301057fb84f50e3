"""Which items of an archive come back and under which path."""

from __future__ import annotations

import os
import stat

from vinculum.archive.item_choice import ItemChoice
from vinculum.archive.patterns import INCLUDE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from vinculum._native import Item, ItemWindow
    from vinculum.archive.patterns import PatternMatcher

    Read: TypeAlias = Callable[[ItemChoice], Iterator[ItemWindow]]

# So many items at a time are unpacked, which takes several times the room: enough for all cores, and few of a window.
_UNPACKED = 4096
LINKABLE = (stat.S_IFREG, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO)


def is_hard_link(item: Item) -> bool:
    """True for a later link to a file that the archive holds elsewhere."""
    return item.source is not None and stat.S_IFMT(item.mode) in LINKABLE


def strip_components(path: bytes, count: int) -> bytes:
    """`path` without its first `count` components; empty if nothing is left."""
    return b"/".join(path.split(b"/")[count:]) if count else path


class Selection:
    """Decides per item, and finds the content of first links that stay out, for the links that come back.

    `read` goes through the items of the archive and has those that a choice wants. Confined to one thread.
    """

    def __init__(self, matcher: PatternMatcher, read: Read, strip: int = 0, *, with_parts: bool = False) -> None:
        self._matcher = matcher
        self._choice = ItemChoice.by_patterns(matcher, with_parts=with_parts)
        self._read = read
        self.strip = strip
        self._with_parts = with_parts
        self._left_out: dict[bytes, Item] | None = None  # archived path -> first link that was left out
        self._restored: dict[bytes, bytes] = {}  # archived path of such a link -> where its content was restored

    def windows(self) -> Iterator[ItemWindow]:
        """The chosen items in archive order, some of which may lose all of their path."""
        return self._read(self._choice)

    def items(self) -> Iterator[tuple[Item, bytes]]:
        """The items that come back, in archive order, each with where it goes relative to the target."""
        for window in self.windows():
            for start in range(0, len(window), _UNPACKED):
                for item in window.part(start, start + _UNPACKED).items():
                    path = strip_components(item.path, self.strip)
                    if path:
                        yield item, path

    def paths(self) -> Iterator[bytes]:
        """Where all of them go; goes through all items."""
        for window in self.windows():
            stripped = (strip_components(path, self.strip) for path in window.paths())
            yield from filter(None, stripped)

    def total_bytes(self) -> int:
        """How much content will come back; goes through all items."""
        if self.strip:
            return sum(item.content_bytes for item, _ in self.items())
        return sum(window.content_bytes() for window in self.windows())

    def link_source(self, item: Item, path: bytes) -> tuple[bytes | None, Item]:
        """For a hard link going to `path`: (what to link to, the item) or (None, the item that has the content to restore)."""
        source = item.source or b""
        if source in self._restored:
            return self._restored[source], item
        if not self._comes_back(source):
            if self._left_out is None:
                self._left_out = self._find_left_out()
            first = self._left_out.get(source)
            if first is not None:
                self._restored[source] = path
                return None, first
        return strip_components(source, self.strip), item

    def _comes_back(self, path: bytes) -> bool:
        is_wanted = self._matcher.is_trivial or self._matcher.decide(os.fsdecode(path)) == INCLUDE
        return is_wanted and bool(strip_components(path, self.strip))

    def _find_left_out(self) -> dict[bytes, Item]:
        """The first links that stay out although links to them come back."""
        sources = {item.source for item, _ in self.items() if item.source is not None and is_hard_link(item)}
        wanted = {source for source in sources if not self._comes_back(source)}
        found = {}
        for window in self._read(ItemChoice.of_paths(wanted, with_parts=self._with_parts)):
            for item in window.items():
                is_first = item.source is None and item.hardlink_master and stat.S_IFMT(item.mode) in LINKABLE
                if is_first and item.path in wanted:
                    found[item.path] = item
        return found
