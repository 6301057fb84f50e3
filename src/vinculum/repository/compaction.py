"""Compaction: gives back the space of superseded objects by copying what is current out of sparse segments.

A *transfer* makes the copies durable with a COMMIT and only then deletes the segments they came from. So every moment of a
compaction is a committed state with the same objects, and whatever stops it costs nothing but the copies of one transfer.

On a nearly full disk (see `Room`) transfers are as short as they must be, and what has no room now waits for what they free.
"""

from __future__ import annotations

from vinculum._native import MovedEntries
from vinculum.formats.sizes import format_size
from vinculum.repository.segments import COMMIT_ENTRY, DELETE, KEYED_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import RepositoryIndex, SegmentEntries
    from vinculum.events import Sink
    from vinculum.repository.hints import Hints
    from vinculum.repository.segment_writer import SegmentWriter
    from vinculum.repository.segments import Segments
    from vinculum.repository.storage import Storage

OPERATION = "repository.compact_segments"
_COPY_SIZE = 4 * 2**20  # how much is copied at a time; bounds memory


class Room:
    """What a compaction may write on a disk that is nearly full: all but `reserved` bytes."""

    __slots__ = ("_reserved", "_storage")

    def __init__(self, storage: Storage, reserved: int) -> None:
        self._storage = storage
        self._reserved = reserved

    def has(self, size: int) -> bool:
        return self._storage.free_space() >= self._reserved + size


class Compaction:
    """One compaction, after the COMMIT of a transaction and with its index and hints, which it keeps up to date.

    `stable` is the transaction of the index on disk: what happened up to it has certainly reached the disk. Without a `room`
    there is plenty of it.
    """

    __slots__ = (
        "_emptied",
        "_hints",
        "_index",
        "_room",
        "_segments",
        "_sink",
        "_stable",
        "_uncertain",
        "_writer",
    )

    def __init__(
        self,
        segments: Segments,
        writer: SegmentWriter,
        index: RepositoryIndex,
        hints: Hints,
        *,
        stable: int | None,
        room: Room | None,
        sink: Sink | None,
    ) -> None:
        self._segments = segments
        self._writer = writer
        self._index = index
        self._hints = hints
        self._stable = stable
        self._room = room
        self._sink = sink
        self._emptied: list[tuple[int, bool]] = []  # segment, whether there are DELETEs in it
        self._uncertain: set[int] = set()  # segments that were removed, which a power cut may bring back

    def run(self, threshold: float) -> int:
        """Compacts each segment of which more than the share `threshold` is free; returns the number of the last COMMIT."""
        used_before = self._hints.quota_use
        listed = sorted(self._hints.compact.items())
        waiting = []
        for number, (segment, free) in enumerate(listed, 1):
            if self._is_worthwhile(segment, free, threshold) and not self._empty(segment, free):
                waiting.append((segment, free))
            if self._sink is not None:
                self._sink.progress(OPERATION, number, len(listed), "")
        if self._sink is not None:
            self._sink.finished(OPERATION)
        self._empty_waiting(waiting)
        last = self._writer.commit()
        self._finish_transfer(last)
        self._segments.remove_empty_directories()
        if self._sink is not None:
            freed = format_size(used_before - self._hints.quota_use)
            self._sink.info(f"compaction freed about {freed} repository space.", "repository")
        return last

    def _is_worthwhile(self, segment: int, free: int, threshold: float) -> bool:
        exists = self._segments.exists(segment)
        size = self._segments.size(segment) if exists else 0
        if size == 0:
            if exists:
                # Where deleting takes two steps, a crash between them leaves an empty file.
                self._segments.remove(segment)
            self._warn(f"The hints of the repository tell of segment {segment}, which is not there any more.")
            self._hints.forget_segment(segment)
            return False
        return free / size > threshold

    def _empty_waiting(self, waiting: list[tuple[int, int]]) -> None:
        """Tries again with segments for which there was no room, as long as that frees some."""
        left = len(waiting) + 1
        while waiting and len(waiting) < left:
            left = len(waiting)
            waiting = [(segment, free) for segment, free in waiting if not self._empty(segment, free)]
        if waiting:
            self._warn(f"There was not enough free space to compact {len(waiting)} segment files.")

    def _empty(self, segment: int, free: int) -> bool:
        """Sees to it that nothing in a segment will be needed after the next COMMIT; False if there is no room for that."""
        entries = self._segments.scan(segment)
        # DELETEs count as free, but some may have to stay.
        most = entries.size_bytes - free + entries.tags().count(DELETE) * KEYED_SIZE
        if not self._make_room(most):
            return False
        hints = self._hints
        if self._sink is not None:
            used = hints.segments.get(segment, 0)
            self._sink.debug(f"Compacting segment {segment}: {used} objects in use, {free} bytes superseded", "repository")
        hints.count_puts(segment, 0, 0)
        start, is_new = 0, False
        while start < len(entries):
            moved = self._move(segment, entries, start, is_new=is_new)
            start, is_new = moved.stop, moved.needs_segment
            if is_new:
                self._finish_transfer(self._writer.commit_here())
        if hints.segments[segment]:
            self._warn(f"The hints of the repository miscounted the objects in segment {segment}.")
        self._emptied.append((segment, DELETE in entries.tags()))
        return True

    def _make_room(self, size: int) -> bool:
        """Whether `size` bytes may be written, if need be after an early transfer."""
        if self._room is None or self._room.has(size):
            return True
        if self._emptied:
            self._finish_transfer(self._writer.commit_here())
        return self._room.has(size)

    def _move(self, segment: int, entries: SegmentEntries, start: int, *, is_new: bool) -> MovedEntries:
        """Copies what is needed of the entries from `start` on, as much as goes into the open segment and into memory."""
        target, offset = self._writer.position
        hints = self._hints
        moved = MovedEntries(
            entries,
            start,
            segment,
            self._index,
            hints.shadows,
            is_stable=self._stable is not None and segment <= self._stable,
            target=target,
            offset=offset,
            limit=self._writer.limit,
            most=_COPY_SIZE,
            is_new=is_new,
        )
        hints.quota_use -= moved.superseded_bytes
        if len(moved):
            self._writer.append(self._segments.read_entries(segment, moved))
            hints.count_puts(target, moved.puts, 0)
            hints.count_puts(segment, -moved.puts, 0)
        if moved.delete_bytes:
            hints.free(target, moved.delete_bytes)
        return moved

    def _finish_transfer(self, commit: int) -> None:
        """Notes a COMMIT and deletes the segments whose content it has made durable elsewhere."""
        hints = self._hints
        hints.count_puts(commit, 0, 0)
        hints.free(commit, len(COMMIT_ENTRY))
        for segment, has_deletes in sorted(self._emptied):
            hints.forget_segment(segment)
            if has_deletes:
                # The disk may forget a removal and keep a later one. What these DELETEs deleted must not be back then.
                self._segments.sync_directories(self._uncertain)
                self._uncertain.clear()
            self._segments.remove(segment)
            self._uncertain.add(segment)
        self._emptied = []

    def _warn(self, text: str) -> None:
        if self._sink is not None:
            self._sink.warning(text, 0)
