"""The item stream of an archive: written through the item chunker, read back in windows of chunks.

Here the stream is bytes and items; what the items mean, and which chunks the repository already has, is decided elsewhere.
Invariant: reading keeps the order of the stream and never holds more than two windows of it.
"""

from __future__ import annotations

from vinculum._native import Chunker, ItemWindowDecoder, StreamChunker
from vinculum.formats.ids import split_ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sized
    from typing import Protocol, TypeAlias, TypeVar

    from vinculum._native import (
        Blob,
        BuzhashParams,
        Bytes,
        ChunkBatch,
        IdHasher,
        Item,
        ItemPiecesToCome,
        ItemWindow,
        Opener,
    )
    from vinculum.archive.item_choice import ItemChoice
    from vinculum.repository.store import Store

    # Chunks, however they were opened.
    Opened = TypeVar("Opened", bound=Sized)

    class ItemKey(Protocol):
        @property
        def hasher(self) -> IdHasher: ...
        @property
        def chunk_seed(self) -> int: ...

    class ReadingKey(Protocol):
        @property
        def opener(self) -> Opener: ...

    class ToCome(Protocol[Opened]):
        """Chunks that are being opened in the background."""

        def wait(self) -> list[Opened]: ...

    OpenAhead: TypeAlias = Callable[[list[Bytes], bytes], ToCome[Opened]]


ITEM_CHUNKER: BuzhashParams = ("buzhash", 15, 19, 17, 4095)
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
            self._ids += split_ids(chunks.ids())
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
        for chunks in _read(self._store, item_ids, self._key.opener.open_ahead, self._window_bytes):
            yield [ItemChunk(id, data, stored_size) for id, data, stored_size in chunks]


def read_windows(
    store: Store,
    key: ReadingKey,
    item_ids: list[bytes],
    window_bytes: int = _WINDOW_BYTES,
    choice: ItemChoice | None = None,
) -> Iterator[ItemWindow]:
    """The items of an archive in order, packed, a window's worth at a time (never an empty one); those of a choice, or all.

    Raises like `ItemChunkReader.read`, and IntegrityError if the chunks do not hold items.
    """
    decoder = ItemWindowDecoder(None if choice is None else choice.selector)

    def open_ahead(stored: list[Bytes], ids: bytes) -> ItemPiecesToCome:
        return decoder.open_ahead(key.opener, stored, ids)

    for pieces in _read(store, item_ids, open_ahead, window_bytes):
        window = decoder.join([piece for _, piece, _ in pieces])
        if choice is not None:
            window = choice.narrow(window, decoder.deciding)
        if len(window):
            yield window
    decoder.finish()


def read_items(store: Store, key: ReadingKey, item_ids: list[bytes]) -> Iterator[list[Item]]:
    """The same as lists of items with all they have."""
    for window in read_windows(store, key, item_ids):
        yield window.items()


def _read(
    store: Store, item_ids: list[bytes], open_ahead: OpenAhead[Opened], window_bytes: int
) -> Iterator[list[tuple[bytes, Opened, int]]]:
    """The chunks of one item stream with their ids and stored sizes, opened in some way."""
    window, coming = _Window(store, item_ids[:_FIRST_WINDOW]), None
    start, bound = 0, _LARGEST_WINDOW
    while window.ids:
        start += len(window.ids)
        following, coming_then = _Window(store, item_ids[start : start + min(2 * len(window.ids), bound)]), None
        if coming is None:
            coming = window.begin(open_ahead)
        if start > _FIRST_WINDOW:  # the first window shall not have to wait for the second
            coming_then = following.begin(open_ahead)
        chunks = window.wait(coming)
        yield chunks
        average = sum(len(opened) + stored_size for _, opened, stored_size in chunks) // len(chunks) + 1
        bound = max(1, min(_LARGEST_WINDOW, window_bytes // average))
        window, coming = following, coming_then


class _Window:
    """Consecutive chunks that were asked for."""

    __slots__ = ("_failure", "_store", "_stored", "_wanted", "ids")

    def __init__(self, store: Store, ids: list[bytes]) -> None:
        self.ids = ids
        self._store = store
        self._wanted = list(dict.fromkeys(ids))
        self._failure: Exception | None = None
        self._stored: list[Bytes] = []
        if ids:
            store.expect(b"".join(self._wanted))

    def begin(self, open_ahead: OpenAhead[Opened]) -> ToCome[Opened] | None:
        """Reads the stored chunks, and has them opened in the background. What goes wrong is for `wait`."""
        if self._failure is not None or not self.ids:
            return None
        joined = b"".join(self._wanted)
        try:
            self._stored = self._store.get_many(joined)
        except Exception as error:
            self._failure = error
            return None
        return open_ahead(self._stored, joined)

    def wait(self, coming: ToCome[Opened] | None) -> list[tuple[bytes, Opened, int]]:
        """The chunks, each with its id and stored size. Raises what went wrong."""
        if self._failure is not None:
            raise self._failure
        assert coming is not None
        chunks = zip(self._wanted, coming.wait(), self._stored, strict=True)
        found = {id: (id, opened, len(stored)) for id, opened, stored in chunks}
        return [found[id] for id in self.ids]
