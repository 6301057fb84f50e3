"""Whether there is room: the storage quota of a repository and the free space that a commit must find.

A full disk must be noticed before the COMMIT, while leftovers can still be removed; so the estimate is generous. But who makes
room must not be turned away for lack of it: what stores no more than it supersedes gets by on little
(docs/decisions/0008-making-room-needs-little.md).
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
_SMALL_FILES = 64 * 1024  # what a few files of some bytes, and directories for them, take at most


def check_quota(quota: int, used: int, *, makes_room: bool = False) -> None:
    """StorageQuotaExceeded if more than the quota is used; a quota of 0 is none.

    With `makes_room` the manifest is replaced by one that is no larger: that has to be possible if deleting shall be.
    """
    if quota and used > quota + (MAX_OBJECT if makes_room else 0):
        raise StorageQuotaExceeded(format_size(quota), format_size(used))


def check_free_space(
    storage: Storage,
    segments: Segments,
    hints: Hints,
    index_size: int,
    config: RepositoryConfig,
    *,
    append_only: bool,
    makes_room: bool,
) -> int | None:
    """InsufficientFreeSpace unless index files and a later compaction will find enough of it.

    With `makes_room` it is enough if the index files do. Then their size is returned: that much a compaction must not touch.
    """
    required = 4 * index_size + 10 * (len(hints.segments) + len(hints.compact)) + 4096 + config.additional_free_space
    if not append_only:
        required += _space_for_compaction(segments, hints, config.max_segment_size + MAX_OBJECT)
    available = storage.free_space()
    if available >= required:
        return None
    if makes_room:
        required = index_size + len(hints.save()) + _SMALL_FILES
        if available >= required:
            return required
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
