"""Reading objects: where the index says they are, one, many, as many as have room, or all there are.

Checksums are verified natively, many objects at a time; who reads what is damaged is told, and nothing is changed.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from vinculum.errors import CheckNeeded, IntegrityError, ObjectNotFound
from vinculum.formats.ids import ID_BYTES, split_ids
from vinculum.repository.store import ObjectWindow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vinculum._native import Bytes, RepositoryIndex
    from vinculum.repository.segments import Segments

_WINDOW_BYTES = 16 << 20
_MOST_AT_ONCE = 256 * ID_BYTES


class ObjectReader:
    """Reads by the index that counts at the moment. What its methods promise stands in `store.Store`."""

    __slots__ = ("_index", "_path", "_segments")

    def __init__(self, segments: Segments, index: Callable[[], RepositoryIndex], path: str) -> None:
        """`index` is asked for it, and `path` is what people call the repository."""
        self._segments = segments
        self._index = index
        self._path = path

    def get(self, id: bytes) -> Bytes:
        """ObjectNotFound if there is no such object, IntegrityError if it is damaged."""
        position = self._index().get(id)
        if position is None:
            raise ObjectNotFound(id.hex(), self._path)
        segment, offset = position
        return self._read(segment, id, [offset])[0]

    def get_many(self, ids: bytes) -> list[Bytes]:
        """The objects of n ids, in that order."""
        objects: dict[int, Bytes] = {}
        for segment, wanted, offsets, places in self._locate(ids):
            objects.update(zip(places, self._read(segment, wanted, offsets), strict=True))
        return list(map(objects.__getitem__, range(len(objects))))

    def get_some(self, ids: bytes, most_bytes: int) -> list[Bytes]:
        """The objects of the first of n ids, as many as have room in so many bytes, at least one."""
        window = ids[:_MOST_AT_ONCE]
        sizes: dict[int, int] = {}
        for segment, wanted, offsets, places in self._locate(window):
            sizes.update(zip(places, self._entry_sizes(segment, wanted, offsets), strict=True))
        ends = list(accumulate(map(sizes.__getitem__, range(len(sizes)))))
        count = max(bisect_right(ends, most_bytes), 1)
        return self.get_many(window[: count * ID_BYTES])

    def read_all(self) -> Iterator[ObjectWindow]:
        """Everything, in the order of the disk."""
        order = self._index().in_disk_order()
        while (found := order.next(_WINDOW_BYTES)) is not None:
            segment, ids, offsets = found
            try:
                yield ObjectWindow(ids, self._read(segment, ids, offsets), [])
            except IntegrityError:
                yield self._read_each(segment, ids, offsets)

    def _read_each(self, segment: int, ids: bytes, offsets: Iterable[int]) -> ObjectWindow:
        """What can be read of some objects, one of which cannot."""
        found: dict[bytes, Bytes] = {}
        damaged = []
        for id, offset in zip(split_ids(ids), offsets, strict=True):
            try:
                found[id] = self._read(segment, id, [offset])[0]
            except IntegrityError as error:
                damaged.append((id, str(error)))
        return ObjectWindow(b"".join(found), list(found.values()), damaged)

    def _locate(self, ids: bytes) -> list[tuple[int, bytes, list[int], list[int]]]:
        try:
            return self._index().locate(ids)
        except KeyError as error:
            raise ObjectNotFound(error.args[0], self._path) from None

    def _entry_sizes(self, segment: int, ids: bytes, offsets: list[int]) -> list[int]:
        try:
            return self._segments.entry_sizes(segment, ids, offsets)
        except FileNotFoundError:
            raise CheckNeeded(self._path) from None

    def _read(self, segment: int, ids: bytes, offsets: list[int]) -> list[Bytes]:
        try:
            return self._segments.read(segment, ids, offsets)
        except FileNotFoundError:
            raise CheckNeeded(self._path) from None
