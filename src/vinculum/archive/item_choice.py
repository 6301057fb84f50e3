"""The items of an archive that a user asked for, in archive order, chosen without unpacking them.

Directories and whole paths are looked up by a kernel while it cuts the item stream; other patterns see the paths of a window at
a time.
"""

from __future__ import annotations

import os

from vinculum._native import PathSelector
from vinculum.archive.patterns import INCLUDE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from vinculum._native import ItemWindow
    from vinculum.archive.patterns import PatternMatcher


class ItemChoice:
    """`selector` is for the kernel, `narrow` for what it lets through. Confined to one thread."""

    __slots__ = ("_matcher", "_narrows", "selector")

    def __init__(self, selector: PathSelector, matcher: PatternMatcher | None = None, *, narrows: bool = False) -> None:
        """A `matcher` is told which of its patterns the selector went by; one that `narrows` decides for itself instead."""
        self.selector = selector
        self._matcher = matcher
        self._narrows = narrows

    @classmethod
    def by_patterns(cls, matcher: PatternMatcher, *, with_parts: bool = False) -> Self:
        """What patterns want; parts of files that a checkpoint cut are hidden unless asked for."""
        selector = matcher.as_selector(with_parts=with_parts)
        if selector is not None:
            return cls(selector, matcher)
        return cls(PathSelector({}, [], True, with_parts=with_parts), matcher, narrows=True)

    @classmethod
    def of_paths(cls, paths: Iterable[bytes], *, with_parts: bool = False) -> Self:
        """What has one of these paths; leading slashes do not count."""
        wanted = dict.fromkeys((path.lstrip(b"/") for path in paths), True)
        return cls(PathSelector(wanted, [], False, with_parts=with_parts))

    def narrow(self, window: ItemWindow, deciding: Iterable[int]) -> ItemWindow:
        """The wanted ones of those that the kernel chose; it went by the prefixes at these places so far."""
        matcher = self._matcher
        if matcher is None:
            return window
        if not self._narrows:
            matcher.note_prefixes(deciding)
            return window
        return window.chosen(bytes([matcher.decide(os.fsdecode(path)) == INCLUDE for path in window.paths()]))
