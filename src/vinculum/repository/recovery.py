"""Rebuilds index and hints from the segments, which alone hold the truth.

Replay applies the entries of whole segments in order; it never changes a segment and writes nothing.
"""

from __future__ import annotations

from vinculum.repository.segments import DELETE, PUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import RepositoryIndex, SegmentEntries
    from vinculum.events import Sink
    from vinculum.repository.hints import Hints
    from vinculum.repository.segments import Segments

OPERATION = "repository.replay_segments"


def replay(segments: Segments, numbers: list[int], index: RepositoryIndex, hints: Hints, sink: Sink | None = None) -> None:
    """Applies the given segments, ascending, to index and hints. IntegrityError if one of them is damaged."""
    for position, number in enumerate(numbers, 1):
        if sink is not None:
            sink.progress(OPERATION, position, len(numbers), "")
        replay_segment(segments, number, segments.scan(number), index, hints)
    if sink is not None:
        sink.finished(OPERATION)


def replay_segment(segments: Segments, number: int, entries: SegmentEntries, index: RepositoryIndex, hints: Hints) -> None:
    """Applies the entries of one segment to index and hints."""
    hints.segments[number] = 0
    report = index.replay(entries, number)
    for id, old_segment, new_size in report.superseded:
        # The size of the new entry stands for that of the old one, as in the real programs' hints.
        hints.supersede(id, old_segment, new_size)
    hints.count_puts(number, report.puts, report.put_bytes)
    for id, old_segment, old_offset in report.deleted:
        if segments.exists(old_segment):
            hints.supersede(id, old_segment, segments.entry_size(old_segment, old_offset))
    if hints.segments[number] == 0:
        hints.compact[number] = segments.size(number)


def complete_legacy_hints(segments: Segments, index: RepositoryIndex, hints: Hints) -> None:
    """Finds out how much is free in the segments that hints of version 1 merely list."""
    for number in hints.legacy_compact:
        if hints.segments.get(number, 0) == 0:
            if segments.exists(number):
                hints.compact[number] = segments.size(number)
            continue
        entries = segments.scan(number)
        keys = entries.keys()
        tags = entries.tags()
        current = index.get_many(keys)
        hints.compact[number] = sum(
            size
            for tag, position, offset, size in zip(tags, current, entries.offsets(), entries.sizes(), strict=True)
            if tag == DELETE or (tag == PUT and position != (number, offset))
        )
    hints.legacy_compact = []
