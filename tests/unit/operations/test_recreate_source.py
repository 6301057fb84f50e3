"""What is read to be stored again comes in order, and ahead of its use."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from support.items import unpacked
from support.memory_store import MemoryStore
from support.plain_key import PlainKey
from vinculum import _native
from vinculum.errors import ObjectNotFound
from vinculum.operations.create.content import BATCH_BYTES
from vinculum.operations.recreate.source import ComingFiles, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.operations.opened import OpenAnyCache
    from vinculum.operations.recreate.source import Files

KEY = PlainKey()
MIB = 1 << 20


class Opened:
    """As much of a session as reading needs."""

    key = KEY

    def __init__(self, store: MemoryStore) -> None:
        self.store = store


def source_of(store: MemoryStore, chunker: _native.Chunker | None = None) -> Source:
    opened: OpenAnyCache = Opened(store)  # type: ignore[assignment]
    return Source(opened, chunker)


def file_of(store: MemoryStore, chunks: list[bytes]) -> _native.Item:
    ids = b"".join(map(KEY.hasher.digest, chunks))
    store.store(KEY, *chunks)
    sizes = [len(chunk) for chunk in chunks]
    packed = _native.encode_item({"path": b"file", "mode": 0o100644, "mtime": 0}, _native.ChunkList.of(ids, sizes, sizes))
    (item,) = unpacked(packed)
    return item


def some_chunks(count: int, size: int) -> list[bytes]:
    rng = random.Random(count)
    return [rng.randbytes(size) for _ in range(count)]


def content(batch: _native.ChunkBatch) -> list[bytes]:
    return [bytes(batch.data(index)) for index in range(len(batch))]


def test_files_come_in_order_while_others_are_being_read() -> None:
    store, coming, arrived = MemoryStore(), ComingFiles(), list[list[bytes]]()
    chunks = some_chunks(9, 1000)
    source = source_of(store)

    def take(files: Files | None) -> None:
        if files is not None:
            arrived.append(content(source.cut(files)[0]))

    requests = []
    for chunk in chunks:
        take(coming.follow(source.files([file_of(store, [chunk])])))
        requests.append((len(store.requests), len(arrived)))
    assert all(begun > there for begun, there in requests[2:]), "something is being opened all the time"
    for files in coming.rest():
        take(files)
    assert arrived == [[chunk] for chunk in chunks]
    assert list(coming.rest()) == []


def test_files_without_content_are_not_asked_for() -> None:
    store = MemoryStore()
    (item,) = unpacked(_native.encode_item({"path": b"empty", "mode": 0o40755, "mtime": 0}, None))
    chunks, counts = source_of(store).cut(source_of(store).files([item]))
    assert (len(chunks), counts, store.requests) == (0, [], [])


@pytest.mark.parametrize("recut", [False, True])
def test_a_large_file_is_read_batch_by_batch(recut: bool) -> None:
    store = MemoryStore()
    chunks = some_chunks(45, MIB + 1)
    item = file_of(store, chunks)
    chunker = _native.Chunker(("fixed", 3 * MIB, 0), 0) if recut else None
    file = source_of(store, chunker).large_file(item)
    batches = []
    while len(batch := file.read(BATCH_BYTES)):
        batches.append(content(batch))
    assert b"".join(chunk for batch in batches for chunk in batch) == b"".join(chunks)
    assert store.requests == [15, 15, 15]
    if recut:
        assert {len(one) for batch, _ in pairwise(batches) for one in batch} == {3 * MIB}
    else:
        assert [len(batch) for batch in batches] == [15, 15, 15]


def test_what_is_lost_ends_it() -> None:
    store = MemoryStore()
    chunks = some_chunks(3, 1000)
    item = file_of(store, chunks)
    store.delete(KEY.hasher.digest(chunks[1]))
    source = source_of(store)
    with pytest.raises(ObjectNotFound):
        source.cut(source.files([item]))
    with pytest.raises(ObjectNotFound):
        source.large_file(item).read(BATCH_BYTES)
