"""The differences between two archives.

Both stream by, window by window, and a kernel keeps what is not equal. What is different there is told here.
"""

from __future__ import annotations

import os
from itertools import starmap

from vinculum._native import ItemPairing, ItemWindowDecoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum._native import ItemWindow
    from vinculum.archive.differences import Comparison, Difference
    from vinculum.events import Sink

# At the end differences come in portions of this many.
_PORTION = 2048


def differences(
    old: Iterator[ItemWindow], new: Iterator[ItemWindow], comparison: Comparison, sink: Sink
) -> Iterator[Difference]:
    """The differences as they are found: what both archives have, then what is new, then what is gone.

    Links whose first link comes later are the last; if it does not come at all, they cannot be compared, which is a warning.
    """
    pairing = ItemPairing(by_ids=comparison.by_ids, content_only=comparison.content_only)
    for old_window, new_window in _in_step(old, new):
        yield from filter(None, starmap(comparison.describe, pairing.meet(old_window, new_window)))
    while True:
        rest, lost_links = pairing.rest(_PORTION)
        for path, source in lost_links:
            sink.warning(f"cannot find hardlink source for {os.fsdecode(path)} ({os.fsdecode(source)}), skipping compare.")
        if not rest and not lost_links:
            return
        yield from filter(None, starmap(comparison.describe, rest))


def _in_step(old: Iterator[ItemWindow], new: Iterator[ItemWindow]) -> Iterator[tuple[ItemWindow, ItemWindow]]:
    """Windows of equally many items, until one archive ends: then the rest of the other, beside empty ones."""
    empty = ItemWindowDecoder().feed([])
    left, right = next(old, empty), next(new, empty)
    while len(left) and len(right):
        count = min(len(left), len(right))
        yield left.part(0, count), right.part(0, count)
        left, right = (
            window.part(count, len(window)) if len(window) > count else next(windows, empty)
            for window, windows in ((left, old), (right, new))
        )
    while len(left) or len(right):
        yield left, right
        left, right = next(old, empty), next(new, empty)
