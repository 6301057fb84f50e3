"""Which items of an archive come back and under which path."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from vinculum.archive.patterns import INCLUDE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vinculum import _native
    from vinculum.archive.patterns import PatternMatcher

LINKABLE = (stat.S_IFREG, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO)


def is_hard_link(item: _native.Item) -> bool:
    """True for a later link to a file that the archive holds elsewhere."""
    return item.source is not None and stat.S_IFMT(item.mode) in LINKABLE


def strip_components(path: bytes, count: int) -> bytes:
    """`path` without its first `count` components; empty if nothing is left."""
    return b"/".join(path.split(b"/")[count:]) if count else path


class Selection:
    """Decides per item, and remembers the content of first links that stay out, for the links that come back."""

    def __init__(self, matcher: PatternMatcher, strip: int = 0, *, with_parts: bool = False) -> None:
        self._matcher = matcher
        self._strip = strip
        self._with_parts = with_parts
        self._is_partial = not matcher.is_trivial or strip > 0
        self._unextracted: dict[bytes, _native.Item] = {}  # archived path -> first link that was left out
        self._restored: dict[bytes, bytes] = {}  # archived path of such a link -> where its content was restored

    def target_path(self, item: _native.Item) -> bytes | None:
        """Where the item goes, relative to the target; None if it stays out."""
        if item.part is not None and not self._with_parts:
            return None
        if self._matcher.is_trivial or self._matcher.decide(os.fsdecode(item.path)) == INCLUDE:
            path = strip_components(item.path, self._strip)
            if path:
                return path
        if self._is_partial and item.source is None and item.hardlink_master and stat.S_IFMT(item.mode) in LINKABLE:
            self._unextracted[item.path] = item
        return None

    def link_source(self, item: _native.Item, path: bytes) -> tuple[bytes | None, _native.Item]:
        """For a hard link going to `path`: (what to link to, the item) or (None, the item that has the content to restore)."""
        source = item.source or b""
        if source in self._restored:
            return self._restored[source], item
        master = self._unextracted.get(source)
        if master is not None:
            self._restored[source] = path
            return None, master
        return strip_components(source, self._strip), item

    def total_bytes(self, batches: Iterable[list[_native.Item]]) -> int:
        """How much content will come back; goes through all items, so it needs a Selection of its own."""
        total = 0
        for batch in batches:
            for item in batch:
                if self.target_path(item) is not None and item.chunks is not None:
                    total += item.chunks.size_bytes
        return total
