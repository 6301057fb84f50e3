"""Whether there is room: the storage quota of a repository and the free space that a commit must find.

A full disk must be noticed before the COMMIT, while leftovers can still be removed; so the estimate is generous.
"""

from __future__ import annotations

from vinculum.errors import InsufficientFreeSpace, StorageQuotaExceeded
from vinculum.formats.sizes import format_size
from vinculum.repository.segments import MAX_OBJECT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.repository.config import RepositoryConfig
    from vinculum.repository.hints import Hints
    from vinculum.repository.segments import Segments
    from vinculum.repository.storage import Storage

_MANY_SEGMENTS = 10


def check_quota(quota: int, used: int) -> None:
    """StorageQuotaExceeded if more than the quota is used; a quota of 0 is none."""
    if quota and used > quota:
        raise StorageQuotaExceeded(format_size(quota), format_size(used))


def check_free_space(
    storage: Storage, segments: Segments, hints: Hints, index_size: int, config: RepositoryConfig, *, append_only: bool
) -> None:
    """InsufficientFreeSpace unless index files and a later compaction will find enough of it."""
    required = 4 * index_size + 10 * (len(hints.segments) + len(hints.compact)) + 4096 + config.additional_free_space
    if not append_only:
        required += _space_for_compaction(segments, hints, config.max_segment_size + MAX_OBJECT)
    available = storage.free_space()
    if available < required:
        raise InsufficientFreeSpace(format_size(required), format_size(available))


def _space_for_compaction(segments: Segments, hints: Hints, full_segment: int) -> int:
    if len(hints.compact) >= _MANY_SEGMENTS:
        return full_segment
    moved = 0
    for segment, free in hints.compact.items():
        try:
            moved += segments.size(segment) - free
        except FileNotFoundError:
            pass  # hints may name segments that are gone
    return min(moved, full_segment)
