"""A dry run: everything that would come back is read and verified, and nothing written.

Nobody decides anything per file here, so a kernel keeps the items as they are packed, and Python sees those only of which
something has to be told.
"""

from __future__ import annotations

from collections import deque
from itertools import chain

from vinculum import _native
from vinculum.operations.extract.progress import Progress
from vinculum.operations.extract.troubles import tell_trouble
from vinculum.operations.extract.window import WINDOW_BYTES, WINDOW_CHUNKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum.events import Sink
    from vinculum.operations.extract.selection import Selection
    from vinculum.operations.extract.source import Source


# Chunks are of very different lengths: while a core ends one portion, others have something of the next.
_AT_ONCE = 3


class _Portion:
    """Some content of a plan: expected, then on its way, then there."""

    __slots__ = ("ids", "plan", "to_come")

    def __init__(self, plan: _native.ContentPlan, ids: bytes) -> None:
        self.plan = plan
        self.ids = ids
        self.to_come: _native.SizesToCome | None = None

    def begin(self, source: Source) -> None:
        """Reads the stored objects, and has them opened in the background."""
        if self.ids:
            self.to_come = source.opener.measure(source.fetch_stored(self.ids), self.ids)

    def wait(self) -> list[int]:
        """The sizes of all chunks. Raises what went wrong."""
        return [] if self.to_come is None else self.to_come.wait()


class Rehearsal:
    """Reads what is selected, as if it were to be restored below `root`. Confined to one thread."""

    def __init__(self, source: Source, root: bytes, selection: Selection, sink: Sink, total_bytes: int | None = None) -> None:
        """With `total_bytes` progress is told in percent."""
        self._source = source
        self._root = root
        self._selection = selection
        self._sink = sink
        self._progress = Progress(sink, total_bytes)

    def extract(self) -> None:
        """Does all of it. Where the repository fails, what was begun is finished first."""
        expected: _Portion | None = None
        running: deque[_Portion] = deque()
        try:
            for portion in chain(self._portions(), (None, None)):
                if portion is not None and portion.ids:
                    self._source.expect(portion.ids)
                if expected is not None:
                    expected.begin(self._source)
                    running.append(expected)
                while len(running) > (_AT_ONCE if portion is not None else 0):
                    self._complete_first(running)
                expected = portion
        finally:
            while running:
                self._complete_first(running)
        self._progress.finish()

    def _portions(self) -> Iterator[_Portion]:
        for window in self._selection.windows():
            plan = _native.ContentPlan(window, self._selection.strip)
            while (ids := plan.next(WINDOW_BYTES, WINDOW_CHUNKS)) is not None:
                yield _Portion(plan, ids)

    def _complete_first(self, running: deque[_Portion]) -> None:
        """Tells of the files that end in a portion: what goes wrong with one of them is a warning."""
        portion = running.popleft()
        plan = portion.plan
        try:
            sizes = portion.wait()
        except Exception:
            running.clear()  # nothing is told of what comes behind damage
            raise
        first = plan.complete
        by_entry: dict[int, list[_native.Trouble]] = {}
        for place, trouble in plan.settle(sizes):
            by_entry.setdefault(place, []).append(trouble)
        if self._sink.wants_files or self._sink.wants_progress:
            for place in range(first, plan.complete):
                item = plan.item(place)
                self._sink.status("", plan.path(place))
                self._progress.advance(item, item.content_bytes)
                self._tell(plan, place, by_entry.get(place, []))
            if plan.begun_bytes:
                self._progress.show(plan.item(plan.complete), plan.begun_bytes)
        else:
            self._progress.advance_silently(sum(sizes))
            for place, troubles in by_entry.items():
                self._tell(plan, place, troubles)

    def _tell(self, plan: _native.ContentPlan, place: int, troubles: list[_native.Trouble]) -> None:
        for trouble in troubles:
            tell_trouble(self._sink, self._root, plan.item(place), plan.path(place), trouble)
