"""The item stream of an archive: written through the item chunker, read back in windows of chunks.

Here the stream is bytes and items; what the items mean, and which chunks the repository already has, is decided elsewhere.
Invariant: reading keeps the order of the stream and never holds more than two windows of it.
"""

from __future__ import annotations

from vinculum._native import Chunker, ItemWindowDecoder, StreamChunker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from vinculum._native import Blob, BuzhashParams, Bytes, ChunkBatch, ChunksToCome, IdHasher, Item, ItemWindow, Opener
    from vinculum.repository.store import Store

    class ItemKey(Protocol):
        @property
        def hasher(self) -> IdHasher: ...
        @property
        def chunk_seed(self) -> int: ...

    class ReadingKey(Protocol):
        @property
        def opener(self) -> Opener: ...


ITEM_CHUNKER: BuzhashParams = ("buzhash", 15, 19, 17, 4095)
ID_BYTES = 32
# The first window is small, so that a listing begins at once.
_FIRST_WINDOW = 4
_LARGEST_WINDOW = 128
_WINDOW_BYTES = 16 << 20
# For commands that read nothing but item streams: a window comes into the memory of the one before, more need not lie idle.
IDLE_BYTES = 32 << 20


class ItemStreamWriter:
    """Cuts the stream of encoded items into chunks and hands them to `write`. Confined to one thread."""

    __slots__ = ("_chunker", "_ids", "_write")

    def __init__(self, key: ItemKey, write: Callable[[ChunkBatch], None]) -> None:
        self._chunker = StreamChunker(Chunker(ITEM_CHUNKER, key.chunk_seed), key.hasher)
        self._write = write
        self._ids: list[bytes] = []

    def feed(self, items: Blob) -> None:
        """Takes encoded items; chunks that are complete go to `write`."""
        self._pass_on(self._chunker.feed(items))

    def checkpoint(self) -> list[bytes]:
        """Ends the current chunk and returns the ids of all chunks in order, as `items` of the archive lists them.

        Feeding may go on.
        """
        self._pass_on(self._chunker.finish())
        return list(self._ids)

    def _pass_on(self, chunks: ChunkBatch) -> None:
        if len(chunks):
            ids = chunks.ids()
            self._ids += [ids[start : start + ID_BYTES] for start in range(0, len(ids), ID_BYTES)]
            self._write(chunks)


class ItemChunk:
    """One chunk of an item stream as it was read."""

    __slots__ = ("data", "id", "stored_size")

    def __init__(self, id: bytes, data: Bytes, stored_size: int) -> None:
        self.id = id
        self.data = data
        self.stored_size = stored_size


class ItemChunkReader:
    """Reads the chunks of item streams in windows of about so many bytes, verified. Confined to the store's thread."""

    __slots__ = ("_key", "_store", "_window_bytes")

    def __init__(self, store: Store, key: ReadingKey, window_bytes: int = _WINDOW_BYTES) -> None:
        self._store = store
        self._key = key
        self._window_bytes = window_bytes

    def read(self, item_ids: list[bytes]) -> Iterator[list[ItemChunk]]:
        """The chunks of one item stream in order, window by window. While the caller has one, the next is being opened.

        ObjectNotFound or IntegrityError say which chunk is lost; nothing behind it can be read then.
        """
        window = _Window(self._store, self._key, item_ids[:_FIRST_WINDOW])
        start, bound = 0, _LARGEST_WINDOW
        while window.ids:
            start += len(window.ids)
            following = _Window(self._store, self._key, item_ids[start : start + min(2 * len(window.ids), bound)])
            window.begin()
            if start > _FIRST_WINDOW:  # the first window shall not have to wait for the second
                following.begin()
            chunks = window.wait()
            yield chunks
            average = sum(len(chunk.data) + chunk.stored_size for chunk in chunks) // len(chunks) + 1
            bound = max(1, min(_LARGEST_WINDOW, self._window_bytes // average))
            window = following


class _Window:
    """Consecutive chunks that were asked for."""

    __slots__ = ("_coming", "_failure", "_key", "_store", "_stored", "_wanted", "ids")

    def __init__(self, store: Store, key: ReadingKey, ids: list[bytes]) -> None:
        self.ids = ids
        self._store = store
        self._key = key
        self._wanted = list(dict.fromkeys(ids))
        self._coming: ChunksToCome | None = None
        self._failure: Exception | None = None
        self._stored: list[Bytes] = []
        if ids:
            store.expect(b"".join(self._wanted))

    def begin(self) -> None:
        """Reads the stored chunks, and has them opened in the background; once. What goes wrong is for `wait`."""
        if self._coming is not None or self._failure is not None or not self.ids:
            return
        joined = b"".join(self._wanted)
        try:
            self._stored = self._store.get_many(joined)
        except Exception as error:
            self._failure = error
        else:
            self._coming = self._key.opener.open_ahead(self._stored, joined)

    def wait(self) -> list[ItemChunk]:
        """The chunks. Raises what went wrong."""
        if self._failure is not None:
            raise self._failure
        assert self._coming is not None
        chunks = zip(self._wanted, self._coming.wait(), self._stored, strict=True)
        found = {id: ItemChunk(id, data, len(stored)) for id, data, stored in chunks}
        return [found[id] for id in self.ids]


def read_windows(
    store: Store, key: ReadingKey, item_ids: list[bytes], window_bytes: int = _WINDOW_BYTES
) -> Iterator[ItemWindow]:
    """The items of an archive in order, packed, a window's worth at a time (never an empty one).

    Raises like `ItemChunkReader.read`, and IntegrityError if the chunks do not hold items.
    """
    decoder = ItemWindowDecoder()
    for chunks in ItemChunkReader(store, key, window_bytes).read(item_ids):
        window = decoder.feed([chunk.data for chunk in chunks])
        if len(window):
            yield window
    decoder.finish()


def read_items(store: Store, key: ReadingKey, item_ids: list[bytes]) -> Iterator[list[Item]]:
    """The same as lists of items with all they have."""
    for window in read_windows(store, key, item_ids):
        yield window.items()
