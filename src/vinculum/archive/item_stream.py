"""The item stream of an archive: written through the item chunker, read back in windows of chunks.

Here the stream is bytes and items; what the items mean, and which chunks the repository already has, is decided elsewhere.
Invariant: reading keeps the order of the stream and never holds more than one window of it.
"""

from __future__ import annotations

from vinculum._native import Chunker, ItemDecoder, StreamChunker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from vinculum._native import Blob, BuzhashParams, Bytes, ChunkBatch, IdHasher, Item, Opener
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
    """Reads the chunks of item streams in windows, verified. Confined to the store's thread."""

    __slots__ = ("_key", "_store")

    def __init__(self, store: Store, key: ReadingKey) -> None:
        self._store = store
        self._key = key

    def read(self, item_ids: list[bytes]) -> Iterator[list[ItemChunk]]:
        """The chunks of one item stream in order, window by window.

        ObjectNotFound or IntegrityError say which chunk is lost; nothing behind it can be read then.
        """
        start, count = 0, _FIRST_WINDOW
        while start < len(item_ids):
            window = item_ids[start : start + count]
            chunks = self._read_window(window)
            yield chunks
            start += len(window)
            average = sum(len(chunk.data) + chunk.stored_size for chunk in chunks) // len(chunks) + 1
            count = max(1, min(2 * count, _LARGEST_WINDOW, _WINDOW_BYTES // average))

    def _read_window(self, ids: list[bytes]) -> list[ItemChunk]:
        wanted = list(dict.fromkeys(ids))
        joined = b"".join(wanted)
        stored = self._store.get_many(joined)
        plain = self._key.opener.open_many(list(stored), joined)
        found = {id: ItemChunk(id, data, len(blob)) for id, data, blob in zip(wanted, plain, stored, strict=True)}
        return [found[id] for id in ids]


def read_items(store: Store, key: ReadingKey, item_ids: list[bytes]) -> Iterator[list[Item]]:
    """The items of an archive in order, a window's worth at a time (never an empty list).

    Raises like `ItemChunkReader.read`, and IntegrityError if the chunks do not hold items.
    """
    decoder = ItemDecoder()
    for window in ItemChunkReader(store, key).read(item_ids):
        items: list[Item] = []
        for chunk in window:
            items += decoder.feed(chunk.data)
        if items:
            yield items
    decoder.finish()
