"""Windows of a restore: actions that gather until there is enough for all cores, and are done together then.

The content of one window is on its way while those before are being opened, and their files written, in the background.
"""

from __future__ import annotations

import os
from collections import deque

from vinculum import _native
from vinculum.operations.extract.troubles import content_troubles, tell_trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from vinculum.events import Sink
    from vinculum.operations.extract.progress import Progress
    from vinculum.operations.extract.source import Source
    from vinculum.operations.extract.target import Target

WINDOW_BYTES = 16 * 1024 * 1024
WINDOW_CHUNKS = 2048
WINDOW_ENTRIES = 4096
_WINDOWS_AT_WORK = 3  # with two, a restore of large files takes a tenth longer, and 30 MiB less


class _Entry:
    """What is told of a file, directory or part of a large file when it is done."""

    __slots__ = ("ends_file", "item", "letter", "part", "path")

    def __init__(
        self, item: _native.Item, path: bytes, letter: str | None, part: _native.ChunkList | None, *, ends_file: bool
    ) -> None:
        self.item = item
        self.path = path
        self.letter = letter  # the status that it is listed with, None if it is not listed
        self.part = part  # of the content, if it is not all of it
        self.ends_file = ends_file

    @property
    def content_bytes(self) -> int:
        return self.item.content_bytes if self.part is None else self.part.size_bytes

    @property
    def chunk_count(self) -> int:
        return len((self.item.chunks if self.part is None else self.part) or ())


class Window:
    """Actions that are done together. What is announced but not done is only an entry."""

    __slots__ = ("batch", "entries", "ids", "paths", "places")

    def __init__(self) -> None:
        self.batch = _native.RestoreBatch()
        self.entries: list[_Entry] = []
        self.paths: set[bytes] = set()  # of all entries, in normal form
        self.places: list[int] = []  # which entry each action of the batch belongs to
        self.ids = b""  # of all content to be fetched, once the window is full

    def note(
        self,
        item: _native.Item,
        path: bytes,
        *,
        acts: bool = True,
        letter: str | None = "",
        part: _native.ChunkList | None = None,
        ends_file: bool = True,
    ) -> None:
        """An entry; if it `acts`, the next action of the batch is its own."""
        if acts:
            self.places.append(len(self.entries))
        self.entries.append(_Entry(item, path, letter, part, ends_file=ends_file))
        self.paths.add(os.path.normpath(path))

    def has_room(self, content_bytes: int = 0) -> bool:
        """Whether there is room for another entry, whose content may take all of an empty window and more."""
        batch = self.batch
        return not self.entries or (
            len(self.entries) < WINDOW_ENTRIES
            and batch.content_bytes + content_bytes <= WINDOW_BYTES
            and batch.chunk_count < WINDOW_CHUNKS
        )


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
        self._printed_bytes = 0  # of the file that is being printed
        self._sink = sink
        self._progress = progress
        self._line = _native.RestoreLine(source.opener, None if target is None else target.restorer)
        self.filling = Window()
        self._expected = Window()  # full, its content on its way
        self._running: deque[tuple[Window, _native.RestoreToCome | _native.ChunksToCome]] = deque()

    def is_settled(self, path: bytes) -> bool:
        """Whether nothing is still to be done at a path."""
        windows = (self.filling, self._expected, *(window for window, _ in self._running))
        return os.path.normpath(path) == path and not any(path in window.paths for window in windows)

    def make_room(self, content_bytes: int = 0) -> None:
        """Sees to it that there is room for another entry with so much content."""
        if not self.filling.has_room(content_bytes):
            self._turn()

    def _turn(self) -> None:
        """Lets the content of the window that is full now come, and begins the one before."""
        full, window = self.filling, self._expected
        self.filling, self._expected = Window(), full
        full.ids = full.batch.ids()
        if full.ids:
            self._source.expect(full.ids)
        if not window.entries:
            return
        stored = self._source.fetch_stored(window.ids) if window.ids else []
        while len(self._running) >= _WINDOWS_AT_WORK:
            self._finish_first()
        self._running.append((window, self._begin(window, stored)))

    def _begin(self, window: Window, stored: list[_native.Bytes]) -> _native.RestoreToCome | _native.ChunksToCome:
        if self._output is not None:
            return self._source.opener.open_ahead(stored, window.ids)
        if self._target is not None:
            self._target.learn_owners(window.batch)
        return self._line.begin(window.batch, stored)

    def run_all(self) -> None:
        """Does everything that waits."""
        self._turn()
        self._turn()
        self.finish()

    def finish(self) -> None:
        """Waits for what has been begun."""
        while self._running:
            self._finish_first()

    def _finish_first(self) -> None:
        """Waits for what was begun first, and reports it: what goes wrong with one file is a warning.

        When content cannot be had, nothing behind it is done. When printing ends early, nothing more is printed.
        """
        window, to_come = self._running.popleft()
        try:
            troubles = to_come.wait() if isinstance(to_come, _native.RestoreToCome) else self._print(window, to_come.wait())
        except BaseException as error:
            if self._output is not None or isinstance(error, Exception):
                self._running.clear()
            raise
        by_entry: dict[int, list[_native.Trouble]] = {}
        for place, trouble in troubles:
            by_entry.setdefault(window.places[place], []).append(trouble)
        if self._sink.wants_files or self._sink.wants_progress:
            places: Iterable[int] = range(len(window.entries))
        else:
            places = by_entry
        for place in places:
            entry = window.entries[place]
            if entry.letter is not None:
                self._sink.status(entry.letter, entry.path)
            if entry.letter is not None or entry.part is not None:
                self._progress.advance(entry.item, entry.content_bytes)
            for trouble in by_entry.get(place, ()):
                tell_trouble(self._sink, self._root, entry.item, entry.path, trouble)

    def _print(self, window: Window, chunks: list[_native.Bytes]) -> list[tuple[int, _native.Trouble]]:
        """Writes content to the stream, file by file."""
        assert self._output is not None
        troubles: list[tuple[int, _native.Trouble]] = []
        start = 0
        for place, number in enumerate(window.places):
            entry = window.entries[number]
            stop = start + entry.chunk_count
            content = chunks[start:stop]
            start = stop
            self._output.writelines(content)
            self._printed_bytes += sum(map(len, content))
            if entry.ends_file:
                troubles += [(place, trouble) for trouble in content_troubles(entry.item, self._printed_bytes)]
                self._printed_bytes = 0
        return troubles
