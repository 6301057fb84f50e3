"""What a repository remembers beside its index: how much of each segment is still in use.

    version            2
    segments           segment -> number of current PUTs in it
    compact            segment -> bytes in it that compaction could free
    storage_quota_use  bytes of all PUT entries ever written and not compacted away
    shadow_index       id -> segments with a PUT of it that was superseded

The maps keep their insertion order: it shows in the bytes of the file. A Hints object does no input or output.
"""

from __future__ import annotations

from itertools import chain, repeat
from struct import Struct

from vinculum.errors import IntegrityError
from vinculum.formats.msgpack import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_IDS = Struct("32s")


class Hints:
    """The bookkeeping of one transaction, in memory. Confined to one thread."""

    __slots__ = ("compact", "legacy_compact", "quota_use", "segments", "shadow")

    def __init__(self) -> None:
        self.segments: dict[int, int] = {}
        self.compact: dict[int, int] = {}
        self.quota_use = 0
        self.shadow: dict[bytes, list[int]] = {}
        # Version 1 only lists the segments worth compacting; the amounts have to be found out (see `recovery`).
        self.legacy_compact: list[int] = []

    @classmethod
    def load(cls, content: bytes) -> Hints:
        """From the bytes of a hints file. IntegrityError if they are not one."""
        hints = cls()
        try:
            record: Any = unpack(content)
            version = record[b"version"]
            hints.segments = dict(record[b"segments"])
            if version == 2:
                hints.compact = dict(record[b"compact"])
                hints.quota_use = int(record.get(b"storage_quota_use", 0))
                hints.shadow = dict(record.get(b"shadow_index", {}))
            elif version == 1:
                hints.legacy_compact = list(record[b"compact"])
            else:
                raise IntegrityError(f"hints of the unknown version {version}")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise IntegrityError("malformed hints") from None
        return hints

    def save(self) -> bytes:
        """The bytes of the hints file."""
        record = {
            b"version": 2,
            b"segments": self.segments,
            b"compact": self.compact,
            b"storage_quota_use": self.quota_use,
            b"shadow_index": self.shadow,
        }
        return pack(record)

    def forget_shadows_after(self, segment: int) -> None:
        """Drops what an abandoned transaction left: segment numbers above `segment` will be used anew."""
        for numbers in self.shadow.values():
            if numbers and max(numbers) > segment:
                numbers[:] = [number for number in numbers if number <= segment]

    def count_puts(self, segment: int, puts: int, put_bytes: int) -> None:
        """Notes new current PUTs in a segment."""
        self.segments[segment] = self.segments.get(segment, 0) + puts
        self.quota_use += put_bytes

    def supersede(self, id: bytes, segment: int, size: int) -> None:
        """Notes that the PUT of `id` in `segment`, an entry of `size` bytes, is not current any more."""
        self.shadow.setdefault(id, []).append(segment)
        self.segments[segment] = self.segments.get(segment, 0) - 1
        self.free(segment, size)

    def supersede_many(self, ids: bytes, segment: int, size: int) -> None:
        """The same for the PUTs of several ids in one segment, entries of `size` bytes together."""
        each = list(chain.from_iterable(_IDS.iter_unpack(ids)))
        if self.shadow.keys().isdisjoint(each):
            self.shadow.update(zip(each, map(list, repeat((segment,))), strict=False))
        else:
            for id in each:
                self.shadow.setdefault(id, []).append(segment)
        self.segments[segment] = self.segments.get(segment, 0) - len(each)
        self.free(segment, size)

    def free(self, segment: int, size: int) -> None:
        """Notes that compaction could free `size` bytes more of a segment."""
        self.compact[segment] = self.compact.get(segment, 0) + size

    def forget_superseded(self, id: bytes, segment: int, size: int) -> None:
        """Notes that a PUT of `id` that is not current, an entry of `size` bytes, will be gone from a segment."""
        self.quota_use -= size
        shadowed = self.shadow.get(id)
        if shadowed and segment in shadowed:
            # An empty list stays: it says that no PUT is left, while no list would say nothing.
            shadowed.remove(segment)

    def forget_segment(self, segment: int) -> None:
        """Drops the counts of a segment that is no more."""
        self.segments.pop(segment, None)
        self.compact.pop(segment, None)
