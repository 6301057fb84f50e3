"""Content of an archive as it is read for another one: while the caller has some of it, what comes next is being opened, and
what comes then is on its way.

Chunks leave in the order of the items, cut by the rule that is wanted. What is lost ends it all: an archive that has less than
the one before must not take its place.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from itertools import accumulate, islice

from vinculum import _native
from vinculum.formats.ids import ID_BYTES
from vinculum.operations.create.content import BATCH_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum.operations.opened import OpenAnyCache
    from vinculum.repository.store import Store


# One that is there, one that is being opened, one that is asked for.
_IN_LINE = 3


class _Reading:
    """Chunks that are asked for, then being opened, then there."""

    __slots__ = ("_coming", "_ids", "_opener", "_store")

    def __init__(self, store: Store, opener: _native.Opener, ids: bytes) -> None:
        self._store = store
        self._opener = opener
        self._ids = ids
        self._coming: _native.BatchToCome | None = None
        if ids:
            store.expect(ids)

    def begin(self) -> _native.BatchToCome:
        """Reads the stored objects, and has them opened in the background; once."""
        if self._coming is None:
            stored = self._store.get_many(self._ids) if self._ids else []
            self._coming = self._opener.open_batch(stored, self._ids)
        return self._coming

    def wait(self) -> _native.ChunkBatch:
        return self.begin().wait()


class Files:
    """Items with content that is on its way."""

    __slots__ = ("counts", "items", "reading")

    def __init__(self, items: list[_native.Item], counts: list[int], reading: _Reading) -> None:
        self.items = items
        self.counts = counts  # of the chunks of those that have content
        self.reading = reading


class ComingFiles:
    """Files on their way, in order: the last are asked for, those before them are being opened."""

    def __init__(self) -> None:
        self._line: deque[Files] = deque()

    def follow(self, files: Files) -> Files | None:
        """Lets more files come; those that are at the head of the line, if it is long enough."""
        line = self._line
        if line:
            line[-1].reading.begin()
        line.append(files)
        return line.popleft() if len(line) == _IN_LINE else None

    def rest(self) -> Iterator[Files]:
        """All that are still on their way."""
        while self._line:
            files = self._line.popleft()
            if self._line:
                self._line[0].reading.begin()
            yield files


class Source:
    """Reads content of the repository, as chunks cut by the wanted rule: as they are without a `chunker`."""

    def __init__(self, opened: OpenAnyCache, chunker: _native.Chunker | None) -> None:
        self._store = opened.store
        self._opener = opened.key.opener
        self._hasher = opened.key.hasher
        self._chunker = chunker

    def files(self, items: list[_native.Item]) -> Files:
        """The content of whole files, which is asked for with this."""
        contents = [content for item in items if (content := item.chunks) is not None]
        ids = b"".join([content.ids() for content in contents])
        return Files(items, [len(content) for content in contents], self._read(ids))

    def cut(self, files: Files) -> tuple[_native.ChunkBatch, list[int]]:
        """The chunks of files, and how many each has."""
        chunks = files.reading.wait()
        if self._chunker is None:
            return chunks, files.counts
        return self._chunker.recut(chunks, files.counts, self._hasher)

    def large_file(self, item: _native.Item) -> _LargeFile | _RecutFile:
        """For reading one file batch by batch."""
        plain = _LargeFile(map(self._read, _windows(item.chunks)))
        if self._chunker is None:
            return plain
        return _RecutFile(plain, _native.StreamChunker(self._chunker, self._hasher), self._hasher)

    def _read(self, ids: bytes) -> _Reading:
        return _Reading(self._store, self._opener, ids)


def _windows(content: _native.ChunkList | None) -> Iterator[bytes]:
    """The ids of some chunks after the other, none at the end."""
    if content is not None:
        ids, ends = content.ids(), list(accumulate(content.sizes()))
        start, done = 0, 0
        while start < len(ends):
            stop = max(bisect_right(ends, done + BATCH_BYTES), start + 1)
            yield ids[start * ID_BYTES : stop * ID_BYTES]
            start, done = stop, ends[stop - 1]
    yield b""


class _LargeFile:
    """The chunks of one file as they are."""

    def __init__(self, readings: Iterator[_Reading]) -> None:
        """The last reading has nothing to read."""
        self._readings = readings
        self._line: deque[_Reading] = deque()

    def read(self, batch_bytes: int) -> _native.ChunkBatch:  # noqa: ARG002 (windows have that size)
        self._line.extend(islice(self._readings, _IN_LINE - len(self._line)))
        reading = self._line.popleft()
        reading.begin()
        if self._line:
            self._line[0].begin()
        return reading.wait()


class _RecutFile:
    """The chunks of one file, cut anew."""

    def __init__(self, old: _LargeFile, chunker: _native.StreamChunker, hasher: _native.IdHasher) -> None:
        self._old = old
        self._chunker = chunker
        self._hasher = hasher
        self._at_end = False

    def read(self, batch_bytes: int) -> _native.ChunkBatch:
        while not self._at_end:
            old = self._old.read(batch_bytes)
            self._at_end = not len(old)
            new = self._chunker.finish() if self._at_end else self._chunker.feed_batch(old)
            if len(new):
                return new
        return _native.ChunkBatch.of([], self._hasher)
