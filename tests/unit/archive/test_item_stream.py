"""The item stream is cut the same however it is fed, and read back in bounded windows."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.memory_store import MemoryStore
from support.plain_key import PlainKey
from vinculum._native import Bytes, ChunkBatch, Chunker, StreamChunker, encode_item
from vinculum.archive.item_stream import ITEM_CHUNKER, ItemChunkReader, ItemStreamWriter, read_items
from vinculum.errors import IntegrityError, ObjectNotFound

KEY = PlainKey()


def some_items(count: int) -> list[bytes]:
    rng = random.Random(count)
    return [
        bytes(
            memoryview(
                encode_item({"path": b"file-%d-%s" % (n, rng.randbytes(40).hex().encode()), "mode": 0o100644, "mtime": n}, None)
            )
        )
        for n in range(count)
    ]


def whole_stream_ids(stream: bytes) -> bytes:
    """What cutting the stream in one go gives."""
    chunker = StreamChunker(Chunker(ITEM_CHUNKER, KEY.chunk_seed), KEY.hasher)
    return chunker.feed(stream).ids() + chunker.finish().ids()


class Written:
    """Collects what a writer stores."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.chunks: list[bytes] = []

    def __call__(self, batch: ChunkBatch) -> None:
        assert len(batch), "an empty batch is not worth a call"
        self.chunks += [bytes(memoryview(batch.data(index))) for index in range(len(batch))]
        self.store.put_many(KEY.seal(batch))


def write(store: MemoryStore, items: list[bytes], per_feed: int = 100) -> list[bytes]:
    writer = ItemStreamWriter(KEY, Written(store))
    for start in range(0, len(items), per_feed):
        writer.feed(b"".join(items[start : start + per_feed]))
    return writer.checkpoint()


def test_stream_is_cut_as_if_it_had_come_in_one_piece() -> None:
    items = some_items(10_000)
    ids = write(MemoryStore(), items, per_feed=7)
    assert len(ids) > 3
    assert b"".join(ids) == whole_stream_ids(b"".join(items))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.binary(max_size=200_000), max_size=8))
def test_pieces_of_any_size_give_the_same_chunks(pieces: list[bytes]) -> None:
    writer = ItemStreamWriter(KEY, Written(MemoryStore()))
    for piece in pieces:
        writer.feed(piece)
    assert b"".join(writer.checkpoint()) == whole_stream_ids(b"".join(pieces))


def test_empty_stream_has_no_chunks() -> None:
    assert ItemStreamWriter(KEY, Written(MemoryStore())).checkpoint() == []


def test_checkpoint_ends_a_chunk_and_the_stream_goes_on() -> None:
    store = MemoryStore()
    written = Written(store)
    writer = ItemStreamWriter(KEY, written)
    items = some_items(3000)
    writer.feed(b"".join(items[:1000]))
    at_checkpoint = writer.checkpoint()
    assert b"".join(written.chunks) == b"".join(items[:1000]), "everything so far is stored"
    writer.feed(b"".join(items[1000:]))
    at_end = writer.checkpoint()
    assert b"".join(written.chunks) == b"".join(items)
    assert at_end[: len(at_checkpoint)] == at_checkpoint
    assert b"".join(at_end) == whole_stream_ids(b"".join(items[:1000])) + whole_stream_ids(b"".join(items[1000:]))
    assert at_checkpoint != at_end, "the list handed out earlier is not changed later"


def test_checkpoint_with_nothing_new_adds_no_chunk() -> None:
    writer = ItemStreamWriter(KEY, Written(MemoryStore()))
    writer.feed(b"".join(some_items(10)))
    assert writer.checkpoint() == writer.checkpoint()


# -- reading -----------------------------------------------------------------------------------------------------------


def paths(store: MemoryStore, ids: list[bytes]) -> list[bytes]:
    found = []
    for items in read_items(store, KEY, ids):
        assert items
        found += [item.path for item in items]
    return found


def test_items_come_back_in_order() -> None:
    store = MemoryStore()
    items = some_items(20_000)
    ids = write(store, items)
    found = paths(store, ids)
    assert len(found) == 20_000
    assert [path.split(b"-")[1] for path in found] == [b"%d" % n for n in range(20_000)]


def test_archive_without_items_is_read() -> None:
    assert paths(MemoryStore(), []) == []


def test_windows_grow_but_stay_bounded() -> None:
    store = MemoryStore()
    ids = store.store(KEY, *(bytes([n, n]) * 50_000 for n in range(100)))
    reader = ItemChunkReader(store, KEY, window_bytes=10 * 200_000 + 100)
    chunks = [chunk for window in reader.read(ids) for chunk in window]
    assert [chunk.id for chunk in chunks] == ids
    assert store.requests[:2] == [4, 8]
    assert max(store.requests) == 10, "stored and plain bytes of a window count both"
    assert {chunk.stored_size for chunk in chunks} == {100_003}


def test_small_chunks_are_bounded_by_count() -> None:
    store = MemoryStore()
    ids = store.store(KEY, *(b"%d" % n for n in range(1000)))
    assert sum(len(window) for window in ItemChunkReader(store, KEY).read(ids)) == 1000
    assert store.requests[:6] == [4, 8, 16, 32, 64, 128]
    assert max(store.requests) == 128


def test_missing_chunk_is_named() -> None:
    store = MemoryStore()
    ids = write(store, some_items(10_000))
    store.delete(ids[2])
    with pytest.raises(ObjectNotFound) as caught:
        paths(store, ids)
    assert ids[2].hex() in str(caught.value)


def test_damaged_chunk_is_named() -> None:
    store = MemoryStore()
    ids = write(store, some_items(10_000))
    store.objects[ids[1]] = store.objects[ids[0]]
    with pytest.raises(IntegrityError) as caught:
        paths(store, ids)
    assert ids[1].hex() in str(caught.value)


def test_stream_that_ends_inside_an_item_is_an_error() -> None:
    store = MemoryStore()
    ids = store.store(KEY, b"".join(some_items(3))[:-1])
    with pytest.raises(IntegrityError):
        paths(store, ids)


def test_chunks_that_hold_no_items_are_an_error() -> None:
    store = MemoryStore()
    ids = store.store(KEY, b"\xc1 no msgpack at all")
    with pytest.raises(IntegrityError):
        paths(store, ids)


def test_data_are_handles_not_copies() -> None:
    store = MemoryStore()
    ids = store.store(KEY, b"x" * 1000)
    (window,) = ItemChunkReader(store, KEY).read(ids)
    assert isinstance(window[0].data, Bytes)
