"""Which items of two archives belong together, and the differences between them.

Both archives stream by, item by item. An item waits only as long as the other archive has not shown its path, so two backups of
one tree need little memory for it; first links are remembered, as later links have their content there.
"""

from __future__ import annotations

import os
import stat
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from vinculum._native import Item
    from vinculum.archive.differences import Comparison, Difference
    from vinculum.events import Sink

    Pair: TypeAlias = tuple[Item | None, Item | None]

_LINKABLE = (stat.S_IFREG, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO)
_OLD, _NEW = 0, 1


class _FirstLinks:
    """The pairs that hard links may refer to, by path."""

    __slots__ = ("_pairs",)

    def __init__(self) -> None:
        self._pairs: dict[bytes, Pair] = {}

    def note(self, path: bytes, old: Item | None, new: Item | None) -> None:
        if _is_first_link(old) or _is_first_link(new):
            self._pairs[path] = (old, new)

    def lack(self, item: Item) -> bool:
        """True for a hard link whose first link has not come by."""
        return _links_to(item) is not None and _links_to(item) not in self._pairs

    def content(self, item: Item | None, side: int) -> Item | None:
        """The item itself or, for a hard link, the one of the same archive that it refers to."""
        source = None if item is None else _links_to(item)
        pair = None if source is None else self._pairs.get(source)
        return item if pair is None else pair[side]


def _is_first_link(item: Item | None) -> bool:
    return item is not None and item.source is None and item.hardlink_master and stat.S_IFMT(item.mode) in _LINKABLE


def _links_to(item: Item) -> bytes | None:
    """The path that a hard link refers to."""
    return item.source if stat.S_IFMT(item.mode) in _LINKABLE else None


class _Pairing:
    """Brings together what has one path. Confined to one thread."""

    __slots__ = ("_comparison", "_deferred", "_links", "_sink", "_waiting")

    def __init__(self, comparison: Comparison, sink: Sink) -> None:
        self._comparison = comparison
        self._sink = sink
        self._links = _FirstLinks()
        self._waiting: tuple[dict[bytes, Item], dict[bytes, Item]] = ({}, {})  # seen in the old, in the new archive alone
        self._deferred: list[tuple[Item, Item]] = []

    def meet(self, old: Item, new: Item) -> Iterator[Difference]:
        self._links.note(old.path, old, new)
        if self._links.lack(old) or self._links.lack(new):
            self._deferred.append((old, new))
        else:
            yield from self._compare(old.path, old, new)

    def take(self, item: Item, side: int) -> Iterator[Difference]:
        """An item of one archive, whose partner may have come before or be still to come."""
        partner = self._waiting[1 - side].pop(item.path, None)
        if partner is None:
            self._waiting[side][item.path] = item
        elif side == _OLD:
            yield from self.meet(item, partner)
        else:
            yield from self.meet(partner, item)

    def finish(self) -> Iterator[Difference]:
        gone, added = self._waiting
        for path, item in added.items():
            self._links.note(path, None, item)
            yield from self._compare(path, None, item)
        for path, item in gone.items():
            self._links.note(path, item, None)
            yield from self._compare(path, item, None)
        for old, new in self._deferred:
            lost = [item for item in (old, new) if self._links.lack(item)]
            for item in lost:
                name, source = os.fsdecode(item.path), os.fsdecode(item.source or b"")
                self._sink.warning(f"cannot find hardlink source for {name} ({source}), skipping compare.")
            if not lost:
                yield from self._compare(old.path, old, new)

    def _compare(self, path: bytes, old: Item | None, new: Item | None) -> Iterator[Difference]:
        difference = self._comparison.compare(path, self._links.content(old, _OLD), self._links.content(new, _NEW))
        if difference is not None:
            yield difference


def differences(
    old_batches: Iterable[list[Item]], new_batches: Iterable[list[Item]], comparison: Comparison, sink: Sink
) -> Iterator[Difference]:
    """The differences as they are found: what both archives have, then what is new, then what is gone.

    Links whose first link comes later are the last; if it does not come at all, they cannot be compared, which is a warning.
    """
    pairing = _Pairing(comparison, sink)
    for old, new in zip_longest(chain.from_iterable(old_batches), chain.from_iterable(new_batches)):
        if old is not None and new is not None and old.path == new.path:
            yield from pairing.meet(old, new)
            continue
        if old is not None:
            yield from pairing.take(old, _OLD)
        if new is not None:
            yield from pairing.take(new, _NEW)
    yield from pairing.finish()
