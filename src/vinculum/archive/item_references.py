"""What item streams refer to, chunk by chunk, found in the background while the window before is being dealt with.

Archives of one series share most chunks of their item streams. So what is found in a chunk is remembered, and chunks are parsed
without those before them; where that goes wrong, which takes file attributes that look like items, the chunk is read anew.
Invariant: references arrive in the order of the stream, and the same as if it had been parsed from its beginning.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum._native import Bytes, ItemReferences, ItemRules, ReferencesToCome
    from vinculum.archive.item_stream import ReadingKey
    from vinculum.repository.store import Store

_WINDOW = 32  # chunks to be read
_LARGEST_WINDOW = 1024  # with those that are remembered
_KEEP_BYTES = 64 << 20


class ItemReferenceReader:
    """Reads the references of item streams. Confined to the store's thread."""

    __slots__ = ("_kept", "_kept_bytes", "_key", "_rules", "_store")

    def __init__(self, store: Store, key: ReadingKey, rules: ItemRules | None = None) -> None:
        """With `rules` the items are judged by them."""
        self._store = store
        self._key = key
        self._rules = rules
        self._kept: dict[bytes, ItemReferences] = {}  # the least recently used first
        self._kept_bytes = 0

    def feed(
        self, item_ids: list[bytes], take: Callable[[list[ItemReferences]], int], take_rest: Callable[[Bytes], None]
    ) -> None:
        """Passes all chunks of one item stream to `take`, which returns how many it could make use of.

        If these are not all it was given, `take_rest` gets the next chunk from the end of its head on.
        ObjectNotFound or IntegrityError say which chunk is lost.
        """
        for window in self._windows(item_ids):
            chunks = self._complete(window)
            taken = take(chunks)
            while taken < len(chunks):
                id, chunk = window.ids[taken], chunks[taken]
                plain = self._key.opener.open(self._store.get(id), id)
                take_rest(plain.slice(chunk.head_bytes, len(plain)))
                taken += 1
                taken += take(chunks[taken:])

    def _windows(self, item_ids: list[bytes]) -> Iterator[_Window]:
        """Windows in order, the next one being read already while the caller has one."""
        ahead = None
        start = 0
        while start < len(item_ids):
            window = self._begin(item_ids, start)
            start += len(window.ids)
            if ahead is not None:
                yield ahead
            ahead = window
        if ahead is not None:
            yield ahead

    def _begin(self, item_ids: list[bytes], start: int) -> _Window:
        found: dict[bytes, ItemReferences] = {}
        wanted: dict[bytes, None] = {}
        stop = start
        for id in item_ids[start : start + _LARGEST_WINDOW]:
            kept = self._kept.pop(id, None)
            if kept is not None:
                self._kept[id] = found[id] = kept
            elif id not in found:
                if len(wanted) == _WINDOW:
                    break
                wanted[id] = None
            stop += 1
        ids = b"".join(wanted)
        to_come = self._find(ids) if ids else None
        return _Window(item_ids[start:stop], found, list(wanted), to_come)

    def _find(self, ids: bytes) -> ReferencesToCome:
        return self._key.opener.find_references(list(self._store.get_many(ids)), ids, self._rules)

    def _complete(self, window: _Window) -> list[ItemReferences]:
        if window.to_come is not None:
            for id, chunk in zip(window.wanted, window.to_come.wait(), strict=True):
                window.found[id] = chunk
                self._keep(id, chunk)
        return [window.found[id] for id in window.ids]

    def _keep(self, id: bytes, chunk: ItemReferences) -> None:
        if id not in self._kept:
            self._kept[id] = chunk
            self._kept_bytes += chunk.memory_bytes
        while self._kept_bytes > _KEEP_BYTES:
            self._kept_bytes -= self._kept.pop(next(iter(self._kept))).memory_bytes


class _Window:
    """Consecutive chunks of an item stream: what is known of them, and what is to come."""

    __slots__ = ("found", "ids", "to_come", "wanted")

    def __init__(
        self, ids: list[bytes], found: dict[bytes, ItemReferences], wanted: list[bytes], to_come: ReferencesToCome | None
    ) -> None:
        self.ids = ids
        self.found = found
        self.wanted = wanted
        self.to_come = to_come
