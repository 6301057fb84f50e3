"""Fetches and opens the content of files, many chunks at a time.

Small files share a window, large ones are cut into several. Invariant: content leaves in the order in which it was asked for,
and what is lost of one file costs the others nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, chain

from vinculum.errors import IntegrityError, ObjectNotFound
from vinculum.formats.ids import ID_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vinculum._native import Bytes, ChunkList, ChunksToCome, Opener
    from vinculum.archive.item_stream import ReadingKey
    from vinculum.errors import Error
    from vinculum.repository.store import Store

WINDOW_BYTES = 16 << 20
WINDOW_FILES = 512


class Portion:
    """Consecutive chunks of the file number `index`; `is_last` if the file is complete with them.

    With an `error` the rest of the file (all of it from here on) cannot be had; the portion is empty and the last one then.
    """

    __slots__ = ("chunks", "error", "index", "is_last")

    def __init__(self, index: int, chunks: list[Bytes], *, is_last: bool, error: Error | None = None) -> None:
        self.index = index
        self.chunks = chunks
        self.is_last = is_last
        self.error = error


class ChunkReader:
    """Reads content from a store. Confined to the store's thread."""

    __slots__ = ("_key", "_store", "_window_bytes")

    def __init__(self, store: Store, key: ReadingKey, window_bytes: int = WINDOW_BYTES) -> None:
        self._store = store
        self._key = key
        self._window_bytes = window_bytes

    def expect(self, ids: bytes) -> None:
        """Tells that `fetch` will be called with these ids soon."""
        self._store.expect(ids)

    @property
    def opener(self) -> Opener:
        """What opens stored objects."""
        return self._key.opener

    def fetch_stored(self, ids: bytes) -> list[Bytes]:
        """The stored objects of n ids, as they are. ObjectNotFound if one is missing."""
        return self._store.get_many(ids)

    def fetch(self, ids: bytes) -> list[Bytes]:
        """The plaintexts of n ids. ObjectNotFound or IntegrityError if one cannot be had."""
        if not ids:
            return []
        return self._key.opener.open_many(list(self._store.get_many(ids)), ids)

    def read(self, contents: Iterable[ChunkList]) -> Iterator[Portion]:
        """The content of many files, at least one portion for each; consumes `contents` three windows ahead at most."""
        lost: int | None = None  # the file whose rest cannot be had
        for window in self._opened(contents):
            if window.spans[0].index == lost:
                continue
            for portion in self._portions(window):
                if portion.error is not None:
                    lost = portion.index
                yield portion

    def _opened(self, contents: Iterable[ChunkList]) -> Iterator[_Window]:
        """While the caller has one window, the next is being opened, and the one after that is on its way."""
        expected: _Window | None = None
        begun: _Window | None = None
        for window in chain(self._windows(contents), (None, None)):
            if window is not None and (ids := window.ids()):
                self.expect(ids)
            if expected is not None:
                self._begin(expected)
            if begun is not None:
                yield begun
            expected, begun = window, expected

    def _windows(self, contents: Iterable[ChunkList]) -> Iterator[_Window]:
        """Small files share a window, large ones get several."""
        window = _Window()
        for index, chunks in enumerate(contents):
            size = chunks.size_bytes
            if window.spans and (window.size + size > self._window_bytes or len(window.spans) == WINDOW_FILES):
                yield window
                window = _Window()
            if size > self._window_bytes:
                yield from self._windows_of_one(index, chunks)
            else:
                window.add(_Span(index, chunks.ids(), is_last=True), size)
        if window.spans:
            yield window

    def _windows_of_one(self, index: int, chunks: ChunkList) -> Iterator[_Window]:
        ids = chunks.ids()
        ends = list(accumulate(chunks.sizes()))
        start, done = 0, 0
        while start < len(ends):
            stop = max(bisect_right(ends, done + self._window_bytes), start + 1)
            window = _Window()
            span = _Span(index, ids[start * ID_BYTES : stop * ID_BYTES], is_last=stop == len(ends))
            window.add(span, ends[stop - 1] - done)
            yield window
            start, done = stop, ends[stop - 1]

    def _begin(self, window: _Window) -> None:
        """Reads the stored objects of a window, and has them opened in the background."""
        ids = window.ids()
        if not ids:
            return
        try:
            stored = self._store.get_many(ids)
        except (ObjectNotFound, IntegrityError) as error:
            window.error = error
        else:
            window.coming = self._key.opener.open_ahead(stored, ids)

    def _portions(self, window: _Window) -> Iterator[Portion]:
        """What became of a window."""
        try:
            chunks = window.wait()
        except (ObjectNotFound, IntegrityError) as error:
            if len(window.spans) == 1:
                yield Portion(window.spans[0].index, [], is_last=True, error=error)
                return
            for span in window.spans:
                yield from self._read_alone(span)
            return
        start = 0
        for span in window.spans:
            stop = start + len(span.ids) // ID_BYTES
            yield Portion(span.index, chunks[start:stop], is_last=span.is_last)
            start = stop

    def _read_alone(self, span: _Span) -> Iterator[Portion]:
        try:
            yield Portion(span.index, self.fetch(span.ids), is_last=span.is_last)
        except (ObjectNotFound, IntegrityError) as error:
            yield Portion(span.index, [], is_last=True, error=error)


class _Span:
    """Consecutive chunks of one file; `is_last` if it ends with them."""

    __slots__ = ("ids", "index", "is_last")

    def __init__(self, index: int, ids: bytes, *, is_last: bool) -> None:
        self.index = index
        self.ids = ids
        self.is_last = is_last


class _Window:
    """Spans that are read together. A file that needs several windows is alone in each."""

    __slots__ = ("coming", "error", "size", "spans")

    def __init__(self) -> None:
        self.spans: list[_Span] = []
        self.size = 0  # in bytes
        self.coming: ChunksToCome | None = None
        self.error: Error | None = None

    def add(self, span: _Span, size: int) -> None:
        self.spans.append(span)
        self.size += size

    def ids(self) -> bytes:
        return b"".join(span.ids for span in self.spans)

    def wait(self) -> list[Bytes]:
        """All chunks. Raises what went wrong."""
        if self.error is not None:
            raise self.error
        return [] if self.coming is None else self.coming.wait()
