"""Fetches and opens the content of files, many chunks at a time.

Small files share a window, large ones are cut into several. Invariant: content leaves in the order in which it was asked for,
and what is lost of one file costs the others nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from vinculum.errors import IntegrityError, ObjectNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vinculum._native import Bytes, ChunkList, Opener
    from vinculum.archive.item_stream import ReadingKey
    from vinculum.errors import Error
    from vinculum.repository.store import Store

ID_BYTES = 32
WINDOW_BYTES = 32 << 20
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
        """The content of many files, at least one portion for each; consumes `contents` a window ahead at most."""
        window: list[tuple[int, bytes]] = []
        window_bytes = 0
        for index, chunks in enumerate(contents):
            size = chunks.size_bytes
            if window and (window_bytes + size > self._window_bytes or len(window) == WINDOW_FILES):
                yield from self._read_small(window)
                window, window_bytes = [], 0
            if size > self._window_bytes:
                yield from self._read_large(index, chunks)
            else:
                window.append((index, chunks.ids()))
                window_bytes += size
        if window:
            yield from self._read_small(window)

    def _read_small(self, files: list[tuple[int, bytes]]) -> Iterator[Portion]:
        """Files that fit into one window together."""
        try:
            chunks = self.fetch(b"".join(ids for _, ids in files))
        except (ObjectNotFound, IntegrityError) as error:
            if len(files) == 1:
                yield Portion(files[0][0], [], is_last=True, error=error)
                return
            for file in files:
                yield from self._read_small([file])
            return
        start = 0
        for index, ids in files:
            stop = start + len(ids) // ID_BYTES
            yield Portion(index, chunks[start:stop], is_last=True)
            start = stop

    def _read_large(self, index: int, chunks: ChunkList) -> Iterator[Portion]:
        """One file that needs several windows."""
        ids = chunks.ids()
        ends = list(accumulate(chunks.sizes()))
        start, done = 0, 0
        while start < len(ends):
            stop = max(bisect_right(ends, done + self._window_bytes), start + 1)
            try:
                data = self.fetch(ids[start * ID_BYTES : stop * ID_BYTES])
            except (ObjectNotFound, IntegrityError) as error:
                yield Portion(index, [], is_last=True, error=error)
                return
            yield Portion(index, data, is_last=stop == len(ends))
            start, done = stop, ends[stop - 1]
