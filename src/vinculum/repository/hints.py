"""What a repository remembers beside its index: how much of each segment is still in use.

    version            2
    segments           segment -> number of current PUTs in it
    compact            segment -> bytes in it that compaction could free
    storage_quota_use  bytes of all PUT entries ever written and not compacted away
    shadow_index       id -> segments with a PUT of it that was superseded

The maps keep their insertion order: it shows in the bytes of the file. A Hints object does no input or output.
"""

from __future__ import annotations

from vinculum._native import ShadowIndex
from vinculum.errors import IntegrityError
from vinculum.formats.ids import ID_BYTES
from vinculum.formats.msgpack import pack_map, unpack, unpack_map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from vinculum._native import Blob

_SHADOWS = b"shadow_index"


class Hints:
    """The bookkeeping of one transaction, in memory. Confined to one thread."""

    __slots__ = ("compact", "legacy_compact", "quota_use", "segments", "shadows")

    def __init__(self) -> None:
        self.segments: dict[int, int] = {}
        self.compact: dict[int, int] = {}
        self.quota_use = 0
        self.shadows = ShadowIndex()
        # Version 1 only lists the segments worth compacting; the amounts have to be found out (see `recovery`).
        self.legacy_compact: list[int] = []

    @classmethod
    def load(cls, content: Blob) -> Hints:
        """From the bytes of a hints file. IntegrityError if they are not one."""
        hints = cls()
        try:
            fields, shadows = unpack_map(content, _SHADOWS)
            record: Any = fields
            version = record[b"version"]
            hints.segments = dict(record[b"segments"])
            if version == 2:
                hints.compact = dict(record[b"compact"])
                hints.quota_use = int(record.get(b"storage_quota_use", 0))
                if shadows is not None:
                    hints.shadows = ShadowIndex.load(bytes(shadows))
            elif version == 1:
                hints.legacy_compact = list(record[b"compact"])
            else:
                raise IntegrityError(f"hints of the unknown version {version}")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise IntegrityError("malformed hints") from None
        return hints

    def save(self) -> bytes:
        """The bytes of the hints file."""
        fields: dict[bytes, object] = {
            b"version": 2,
            b"segments": self.segments,
            b"compact": self.compact,
            b"storage_quota_use": self.quota_use,
        }
        return pack_map(fields, _SHADOWS, self.shadows.save())

    def shadow_items(self) -> Iterable[tuple[bytes, list[int]]]:
        """Every id with superseded PUTs and the segments that they are in. For looking at, not for work: it copies them all."""
        shadows: Any = unpack(self.shadows.save())
        items: Iterable[tuple[bytes, list[int]]] = shadows.items()
        return items

    def forget_shadows_after(self, segment: int) -> None:
        """Drops what an abandoned transaction left: segment numbers above `segment` will be used anew."""
        self.shadows.forget_after(segment)

    def count_puts(self, segment: int, puts: int, put_bytes: int) -> None:
        """Notes new current PUTs in a segment."""
        self.segments[segment] = self.segments.get(segment, 0) + puts
        self.quota_use += put_bytes

    def supersede(self, ids: bytes, segment: int, size: int) -> None:
        """Notes that the PUTs of these ids in `segment`, entries of `size` bytes together, are not current any more."""
        self.shadows.add_many(ids, segment)
        self.segments[segment] = self.segments.get(segment, 0) - len(ids) // ID_BYTES
        self.free(segment, size)

    def free(self, segment: int, size: int) -> None:
        """Notes that compaction could free `size` bytes more of a segment."""
        self.compact[segment] = self.compact.get(segment, 0) + size

    def forget_segment(self, segment: int) -> None:
        """Drops the counts of a segment that is no more."""
        self.segments.pop(segment, None)
        self.compact.pop(segment, None)
