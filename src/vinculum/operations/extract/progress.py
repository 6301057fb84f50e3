"""How far a restore is, counted in bytes of content."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Item
    from vinculum.events import Sink

OPERATION = "extract"


class Progress:
    """Counts what has been dealt with; with `total_bytes` it is told in percent."""

    def __init__(self, sink: Sink, total_bytes: int | None = None) -> None:
        self._sink = sink
        self._total_bytes = total_bytes
        self._done_bytes = 0

    def advance(self, item: Item, content_bytes: int) -> None:
        """So much content of an item, or all of it, is done."""
        self._done_bytes += content_bytes
        self.show(item)

    def advance_silently(self, content_bytes: int) -> None:
        self._done_bytes += content_bytes

    def show(self, item: Item, begun_bytes: int = 0) -> None:
        """Tells that an item is at work, of which so much is done that does not count yet."""
        if self._sink.wants_progress and item.chunks is not None:
            self._sink.progress(OPERATION, self._done_bytes + begun_bytes, self._total_bytes, os.fsdecode(item.path))

    def finish(self) -> None:
        self._sink.finished(OPERATION)
