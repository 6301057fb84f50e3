"""Twin of the pairing kernel: which items of two archives belong together, and which of them are not equal."""

from __future__ import annotations

import stat
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum._native import Item

LINKABLE = (stat.S_IFREG, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO)


class Unequal(NamedTuple):
    path: bytes
    old: Item | None
    new: Item | None
    depends_on_content: bool


def links_to(item: Item) -> bytes | None:
    return item.source if stat.S_IFMT(item.mode) in LINKABLE else None


def is_first_link(item: Item | None) -> bool:
    return item is not None and item.source is None and item.hardlink_master and stat.S_IFMT(item.mode) in LINKABLE


def size_of(item: Item) -> int:
    if stat.S_ISLNK(item.mode):
        return len((item.source or b"").decode(errors="surrogateescape"))
    if item.size is not None:
        return item.size
    return 0 if item.chunks is None else item.chunks.size_bytes


class Pairing:
    """Both archives at once, item by item; `lost` are links that cannot be compared."""

    def __init__(self, *, by_ids: bool, content_only: bool) -> None:
        self.by_ids = by_ids
        self.content_only = content_only
        self.lost: list[tuple[bytes, bytes]] = []
        self._pairs: dict[bytes, tuple[Item | None, Item | None]] = {}
        self._waiting: tuple[dict[bytes, Item], dict[bytes, Item]] = ({}, {})
        self._deferred: list[tuple[Item, Item]] = []

    def run(self, old_items: list[Item], new_items: list[Item]) -> Iterator[Unequal]:
        for old, new in zip_longest(old_items, new_items):
            if old is not None and new is not None and old.path == new.path:
                yield from self._meet(old, new)
                continue
            if old is not None:
                yield from self._take(old, 0)
            if new is not None:
                yield from self._take(new, 1)
        for path, item in self._waiting[1].items():
            yield from self._note_and_compare(path, None, item)
        for path, item in self._waiting[0].items():
            yield from self._note_and_compare(path, item, None)
        for old, new in self._deferred:
            lost = [item for item in (old, new) if self._lacks(item)]
            self.lost += [(item.path, item.source or b"") for item in lost]
            if not lost:
                yield from self._compare(old.path, old, new)

    def _take(self, item: Item, side: int) -> Iterator[Unequal]:
        partner = self._waiting[1 - side].pop(item.path, None)
        if partner is None:
            self._waiting[side][item.path] = item
        else:
            yield from self._meet(*((item, partner) if side == 0 else (partner, item)))

    def _meet(self, old: Item, new: Item) -> Iterator[Unequal]:
        self._note(old.path, old, new)
        if self._lacks(old) or self._lacks(new):
            self._deferred.append((old, new))
        else:
            yield from self._compare(old.path, old, new)

    def _note(self, path: bytes, old: Item | None, new: Item | None) -> None:
        if is_first_link(old) or is_first_link(new):
            self._pairs[path] = (old, new)

    def _lacks(self, item: Item) -> bool:
        source = links_to(item)
        return source is not None and source not in self._pairs

    def _note_and_compare(self, path: bytes, old: Item | None, new: Item | None) -> Iterator[Unequal]:
        self._note(path, old, new)
        yield from self._compare(path, old, new)

    def _compare(self, path: bytes, old: Item | None, new: Item | None) -> Iterator[Unequal]:
        old, new = self._content(old, 0), self._content(new, 1)
        if old is None or new is None:
            if old is not new:
                yield Unequal(path, old, new, depends_on_content=False)
            return
        verdict = self._equal(old, new)
        if verdict is not True:
            yield Unequal(path, old, new, depends_on_content=verdict is None)

    def _content(self, item: Item | None, side: int) -> Item | None:
        source = None if item is None else links_to(item)
        pair = None if source is None else self._pairs.get(source)
        return item if pair is None else pair[side]

    def _equal(self, old: Item, new: Item) -> bool | None:
        """None if it depends on the content."""
        attributes = ("mode", "mtime", "ctime", "user", "group")
        if not self.content_only and any(getattr(old, name) != getattr(new, name) for name in attributes):
            return False
        if old.source != new.source:
            return False
        before, after = old.chunks, new.chunks
        if before is None or after is None:
            return True
        same_ids = before.ids() == after.ids()
        if self.by_ids:
            return same_ids and before.sizes() == after.sizes() and before.csizes() == after.csizes()
        if size_of(old) != size_of(new):
            return False
        return True if same_ids else None
