"""Windows of a restore: actions that gather until there is enough for all cores, and are done together then.

The content of one window is on its way while that of the one before is being opened, and its files written, in the background.
"""

from __future__ import annotations

import os

from vinculum import _native
from vinculum.operations.extract.troubles import content_troubles, tell_trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from vinculum.events import Sink
    from vinculum.operations.extract.large_content import Source
    from vinculum.operations.extract.progress import Progress
    from vinculum.operations.extract.target import Target

WINDOW_BYTES = 16 * 1024 * 1024
WINDOW_CHUNKS = 2048
WINDOW_ENTRIES = 4096


class Window:
    """Actions that are done together. What is announced but not done is only an entry."""

    __slots__ = ("batch", "chunks_to_come", "entries", "ids", "paths", "places", "to_come")

    def __init__(self) -> None:
        self.batch = _native.RestoreBatch()
        self.entries: list[tuple[_native.Item, bytes, str | None]] = []  # with its path, and the status it is listed with
        self.paths: set[bytes] = set()  # of all entries, in normal form
        self.places: list[int] = []  # which entry each action of the batch belongs to
        self.ids = b""  # of all content, once the window is full
        self.to_come: _native.RestoreToCome | None = None
        self.chunks_to_come: _native.ChunksToCome | None = None

    def note(self, item: _native.Item, path: bytes, *, acts: bool = True, letter: str | None = "") -> None:
        """An entry; if it `acts`, the next action of the batch is its own."""
        if acts:
            self.places.append(len(self.entries))
        self.entries.append((item, path, letter))
        self.paths.add(os.path.normpath(path))

    def has_room(self, content_bytes: int) -> bool:
        batch = self.batch
        return batch.content_bytes + content_bytes <= WINDOW_BYTES and batch.chunk_count < WINDOW_CHUNKS

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another entry, even without content."""
        return len(self.entries) >= WINDOW_ENTRIES


class Windows:
    """The one that is `filling`, and those on their way. Confined to one thread.

    Content goes into the target, to the stream if there is one instead, or is only verified if there is neither.
    """

    def __init__(
        self, source: Source, root: bytes, target: Target | None, output: BinaryIO | None, sink: Sink, progress: Progress
    ) -> None:
        self._source = source
        self._root = root
        self._target = target
        self._output = output
        self._sink = sink
        self._progress = progress
        self.filling = Window()
        self._expected = Window()  # full, its content on its way
        self._running = Window()

    def is_settled(self, path: bytes) -> bool:
        """Whether nothing is still to be done at a path."""
        is_pending = any(path in window.paths for window in (self.filling, self._expected, self._running))
        return not is_pending and os.path.normpath(path) == path

    def turn(self) -> None:
        """Lets the content of the window that is full now come, and begins the one before when the one before that is done."""
        full, window = self.filling, self._expected
        self.filling, self._expected = Window(), full
        full.ids = full.batch.ids()
        if full.ids:
            self._source.expect(full.ids)
        if not window.entries:
            self.finish()
            return
        stored = self._source.fetch_stored(window.ids) if window.ids else []
        self.finish()
        if self._output is not None:
            window.chunks_to_come = self._source.opener.open_ahead(stored, window.ids)
        elif self._target is not None:
            self._target.learn_owners(window.batch)
            window.to_come = window.batch.begin(stored, self._source.opener, self._target.restorer)
        else:
            window.to_come = window.batch.begin(stored, self._source.opener, None)
        self._running = window

    def run_all(self) -> None:
        """Does everything that waits."""
        self.turn()
        self.turn()
        self.finish()

    def finish(self) -> None:
        """Waits for what is being done, and reports it: what goes wrong with one file is a warning."""
        window, self._running = self._running, Window()
        if window.to_come is not None:
            troubles = window.to_come.wait()
        elif window.chunks_to_come is not None:
            troubles = self._print(window, window.chunks_to_come.wait())
        else:
            return
        by_entry: dict[int, list[_native.Trouble]] = {}
        for place, trouble in troubles:
            by_entry.setdefault(window.places[place], []).append(trouble)
        if self._sink.wants_files or self._sink.wants_progress:
            places: Iterable[int] = range(len(window.entries))
        else:
            places = by_entry
        for place in places:
            item, path, letter = window.entries[place]
            if letter is not None:
                self._sink.status(letter, path)
                self._progress.advance(item, item.content_bytes)
            for trouble in by_entry.get(place, ()):
                tell_trouble(self._sink, self._root, item, path, trouble)

    def _print(self, window: Window, chunks: list[_native.Bytes]) -> list[tuple[int, _native.Trouble]]:
        """Writes content to the stream, file by file."""
        assert self._output is not None
        troubles: list[tuple[int, _native.Trouble]] = []
        start = 0
        for place, entry in enumerate(window.places):
            item = window.entries[entry][0]
            stop = start + len(item.chunks or ())
            content = chunks[start:stop]
            self._output.writelines(content)
            troubles += [(place, trouble) for trouble in content_troubles(item, sum(map(len, content)))]
            start = stop
        return troubles
