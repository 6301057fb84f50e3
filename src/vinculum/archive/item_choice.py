"""The items of an archive that a user asked for, in archive order, chosen without unpacking them.

Directories and whole paths are looked up by a kernel; other patterns see the paths of a window at a time.
"""

from __future__ import annotations

import os

from vinculum.archive.patterns import INCLUDE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vinculum._native import ItemWindow
    from vinculum.archive.patterns import PatternMatcher


class ItemChoice:
    """Chooses by patterns; parts of files that a checkpoint cut are hidden unless asked for. Confined to one thread."""

    __slots__ = ("_matcher", "_selector", "_with_parts")

    def __init__(self, matcher: PatternMatcher, *, with_parts: bool = False) -> None:
        self._matcher = matcher
        self._selector = matcher.as_selector()
        self._with_parts = with_parts

    def choose(self, window: ItemWindow) -> ItemWindow:
        """The wanted ones of these items."""
        if self._selector is not None:
            chosen, prefixes = self._selector.select(window, self._with_parts)
            self._matcher.note_prefixes(prefixes)
            return chosen
        if not self._with_parts:
            window = window.without_parts()
        decide = self._matcher.decide
        return window.chosen(bytes([decide(os.fsdecode(path)) == INCLUDE for path in window.paths()]))


def chosen(windows: Iterable[ItemWindow], choice: ItemChoice) -> Iterator[ItemWindow]:
    """What is wanted of each window, if there is anything."""
    for window in map(choice.choose, windows):
        if len(window):
            yield window
