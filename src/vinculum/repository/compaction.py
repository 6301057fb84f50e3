"""Compaction: gives back the space of superseded objects by copying what is current out of sparse segments.

A *transfer* makes the copies durable with a COMMIT and only then deletes the segments they came from. So every moment of a
compaction is a committed state with the same objects, and whatever stops it costs nothing but the copies of one transfer.
"""

from __future__ import annotations

from vinculum.formats.sizes import format_size
from vinculum.repository.segments import COMMIT, COMMIT_ENTRY, PUT
from vinculum.repository.store import MANIFEST_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import RepositoryIndex
    from vinculum.events import Sink
    from vinculum.repository.hints import Hints
    from vinculum.repository.segment_writer import SegmentWriter
    from vinculum.repository.segments import Segments

OPERATION = "repository.compact_segments"
_COPY_SIZE = 4 * 2**20  # how much is gathered before it is copied; bounds memory


class Compaction:
    """One compaction, after the COMMIT of a transaction and with its index and hints, which it keeps up to date.

    `stable` is the transaction of the index on disk: what happened up to it has certainly reached the disk.
    """

    __slots__ = (
        "_emptied",
        "_hints",
        "_index",
        "_pending",
        "_pending_size",
        "_segments",
        "_sink",
        "_source",
        "_stable",
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
        sink: Sink | None,
    ) -> None:
        self._segments = segments
        self._writer = writer
        self._index = index
        self._hints = hints
        self._stable = stable
        self._sink = sink
        self._source = -1
        self._emptied: list[int] = []
        self._pending: list[tuple[int, int]] = []  # (offset, size) in the source of entries that have a place but no copy yet
        self._pending_size = 0

    def run(self, threshold: float) -> int:
        """Compacts each segment of which more than the share `threshold` is free; returns the number of the last COMMIT."""
        used_before = self._hints.quota_use
        listed = sorted(self._hints.compact.items())
        for number, (segment, free) in enumerate(listed, 1):
            if self._is_worthwhile(segment, free, threshold):
                self._empty(segment)
            if self._sink is not None:
                self._sink.progress(OPERATION, number, len(listed), "")
        if self._sink is not None:
            self._sink.finished(OPERATION)
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

    def _empty(self, segment: int) -> None:
        """Sees to it that nothing in a segment will be needed after the next COMMIT."""
        entries = self._segments.scan(segment)
        keys = entries.keys()
        hints = self._hints
        hints.count_puts(segment, 0, 0)
        self._source = segment
        for at, (tag, offset, size) in enumerate(zip(entries.tags(), entries.offsets(), entries.sizes(), strict=True)):
            if tag == COMMIT:
                continue
            id = keys[at * 32 : at * 32 + 32]
            current = self._index.get(id)
            if tag == PUT and current == (segment, offset):
                target, new_offset = self._move(id, offset, size)
                self._index.set(id, target, new_offset)
                hints.count_puts(target, 1, 0)
                hints.count_puts(segment, -1, 0)
            elif tag == PUT:
                hints.forget_superseded(id, segment, size)
            elif current is None and self._needs_delete(id, segment):
                target, _ = self._move(id, offset, size)
                hints.free(target, size)
                hints.count_puts(target, 0, 0)
        self._copy_pending()
        if hints.segments[segment]:
            self._warn(f"The hints of the repository miscounted the objects in segment {segment}.")
        self._emptied.append(segment)

    def _needs_delete(self, id: bytes, segment: int) -> bool:
        """Whether the DELETE of an absent id keeps an older PUT of it from coming back."""
        shadowed = self._hints.shadow.get(id)
        if shadowed is None or any(older < segment for older in shadowed):
            return True
        if self._stable is None or segment > self._stable:
            # The PUT was removed so lately that a power cut may undo that; replay would find it without its DELETE.
            return True
        if not shadowed:
            del self._hints.shadow[id]
        return False

    def _move(self, id: bytes, offset: int, size: int) -> tuple[int, int]:
        """Gives an entry of the source a new place, which it is copied to in due time."""
        if id == MANIFEST_KEY or self._writer.is_full(self._pending_size):
            self._copy_pending()
            self._finish_transfer(self._writer.commit_here())
        elif self._pending_size >= _COPY_SIZE:
            self._copy_pending()
        segment, end = self._writer.position
        place = segment, end + self._pending_size
        if self._pending and sum(self._pending[-1]) == offset:
            begin, before = self._pending.pop()
            self._pending.append((begin, before + size))
        else:
            self._pending.append((offset, size))
        self._pending_size += size
        return place

    def _copy_pending(self) -> None:
        if self._pending:
            self._writer.append(self._segments.read_ranges(self._source, self._pending))
            self._pending = []
            self._pending_size = 0

    def _finish_transfer(self, commit: int) -> None:
        """Notes a COMMIT and deletes the segments whose content it has made durable elsewhere."""
        hints = self._hints
        hints.count_puts(commit, 0, 0)
        hints.free(commit, len(COMMIT_ENTRY))
        for segment in self._emptied:
            hints.forget_segment(segment)
            self._segments.remove(segment)
        self._emptied = []

    def _warn(self, text: str) -> None:
        if self._sink is not None:
            self._sink.warning(text, 0)
