"""References of item streams are the same as if each stream had been parsed from its beginning, whatever was read before."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import items as reference
from support.memory_store import MemoryStore
from support.plain_key import PlainKey
from vinculum._native import Bytes, ChunkIndex, ItemReferences, ItemStream, ReferenceTally
from vinculum.archive import item_references
from vinculum.archive.item_references import ItemReferenceReader
from vinculum.archive.statistics import content_usage
from vinculum.errors import IntegrityError, ObjectNotFound

KEY = PlainKey()
FEW_IDS = st.integers(0, 5).map(lambda number: bytes([number]) * 32)
ENTRIES = st.lists(
    st.tuples(FEW_IDS, st.integers(0, 1)).map(lambda pair: [pair[0], 1000 + pair[0][0], pair[1] * 77]), max_size=4
)
ITEM = st.fixed_dictionaries(
    {b"path": st.binary(max_size=20), b"mode": st.just(0o100644), b"mtime": st.integers(0, 2**62)},
    optional={b"chunks": ENTRIES, b"chunks_healthy": ENTRIES, b"part": st.just(1)},
)
# Attributes that look like items are what parsing from the middle of a stream falls for.
DECOYED = st.tuples(ITEM, st.lists(ITEM, min_size=1, max_size=3)).map(
    lambda pair: {**pair[0], b"xattrs": {b"user.x": b"".join(map(reference.encode, pair[1]))}}
)
STREAM = st.lists(st.one_of(ITEM, DECOYED), max_size=12).map(lambda items: b"".join(map(reference.encode, items)))


@st.composite
def cut(draw: st.DrawFn) -> list[bytes]:
    """A stream in pieces."""
    stream = draw(STREAM)
    places = sorted({0, len(stream), *draw(st.lists(st.integers(0, len(stream)), max_size=8))})
    return [stream[start:stop] for start, stop in pairwise(places)]


class Counter:
    """Counts and releases with what a reader finds, and notes how often chunks had to be read anew."""

    def __init__(self, store: MemoryStore) -> None:
        self.index = ChunkIndex()
        self.tally = ReferenceTally()
        self.reader = ItemReferenceReader(store, KEY)
        self.rests = 0
        self.sums = [0, 0, 0]

    def count(self, item_ids: list[bytes]) -> None:
        stream = ItemStream()

        def take_rest(piece: Bytes) -> None:
            self.rests += 1
            self.index.count_items(stream, piece)

        self.reader.feed(item_ids, lambda chunks: self.tally.count(self.index, stream, chunks), take_rest)

    def release(self, item_ids: list[bytes], *, with_parts: bool) -> None:
        stream = ItemStream()

        def take(chunks: list[ItemReferences]) -> int:
            released, taken = self.index.release_references(stream, chunks, with_parts)
            self._add(released.size, released.csize, released.freed)
            return taken

        def take_rest(piece: Bytes) -> None:
            released = self.index.release_items(stream, piece, with_parts)
            assert released.damage is None
            self._add(released.size, released.csize, released.freed)

        self.reader.feed(item_ids, take, take_rest)

    def _add(self, *numbers: int) -> None:
        self.sums = [sum(pair) for pair in zip(self.sums, numbers, strict=True)]

    def counts(self) -> dict[bytes, tuple[int, int, int] | None]:
        return {id: self.index.get(id) for id in self.index.ids()}


@given(st.lists(cut(), min_size=1, max_size=3), st.booleans())
@settings(deadline=None)
def test_counted_and_released_is_what_the_items_refer_to(streams: list[list[bytes]], with_parts: bool) -> None:
    store = MemoryStore()
    stored = [store.store(KEY, *pieces) for pieces in streams]
    counter = Counter(store)
    for ids in stored:
        counter.count(ids)
    counter.tally.settle(counter.index)
    expected: dict[bytes, tuple[int, int, int] | None] = {}
    straight = ChunkIndex()
    for ids, pieces in zip(stored, streams, strict=True):
        state = ItemStream()
        for id, piece in zip(ids, pieces, strict=True):
            straight.add(id, 1, len(piece), len(store.objects[id]))
            straight.count_items(state, piece)
    expected = {id: straight.get(id) for id in straight.ids()}
    assert counter.counts() == expected
    for id, fact in reference.count_chunks(b"".join(piece for pieces in streams for piece in pieces)).items():
        assert expected[id] == fact
    sums = [0, 0, 0]
    for ids, pieces in zip(stored, streams, strict=True):
        state = ItemStream()
        for id, piece in zip(ids, pieces, strict=True):
            for released in (straight.release(id), straight.release_items(state, piece, with_parts)):
                numbers = (released.size, released.csize, released.freed)
                sums = [sum(pair) for pair in zip(sums, numbers, strict=True)]
        counter.release(ids, with_parts=with_parts)
    assert counter.counts() == {}
    assert counter.sums == sums


@given(cut(), st.lists(ENTRIES, max_size=3))
@settings(deadline=None)
def test_usage_of_an_archive_is_what_its_items_refer_to(pieces: list[bytes], others: list[list[list[object]]]) -> None:
    """With what other archives refer to beside it; unique is what none of them does."""
    store, stream = MemoryStore(), b"".join(pieces)
    ids = store.store(KEY, *pieces)
    counted = reference.count_chunks(stream)
    index = ChunkIndex()
    for id, (times, size, csize) in counted.items():
        index.add(id, times, size, csize)
    for id, size, csize in (entry for entries in others for entry in entries):
        index.add(id, 1, size, csize)  # type: ignore[arg-type]  # entries are as msgpack has them
    known = {id: index.get(id) for id in counted}
    usage = content_usage(index, store, KEY, ids)
    assert usage.original_size == sum(times * known[id][1] for id, (times, _, _) in counted.items())  # type: ignore[index]
    assert usage.compressed_size == sum(times * known[id][2] for id, (times, _, _) in counted.items())  # type: ignore[index]
    assert usage.deduplicated_size == sum(
        known[id][2]
        for id, (times, _, _) in counted.items()
        if known[id][0] == times  # type: ignore[index]
    )


def test_usage_needs_an_index_that_knows_all() -> None:
    store = MemoryStore()
    ids = store.store(KEY, encoded(1))
    with pytest.raises(KeyError):
        content_usage(ChunkIndex(), store, KEY, ids)


def encoded(number: int, **more: object) -> bytes:
    fields = {b"path": b"file-%d" % number, b"mode": 0o100644, b"mtime": 1, b"chunks": [[bytes([number]) * 32, 10, 9]]}
    return reference.encode({**fields, **{name.encode(): value for name, value in more.items()}})


def test_a_chunk_that_was_parsed_from_a_wrong_place_is_read_anew() -> None:
    store = MemoryStore()
    stream = encoded(1, xattrs={b"user.x": encoded(2) * 3, b"user.y": None}) + encoded(3)
    inside, end = stream.index(b"user.x"), stream.index(b"user.y") - 1
    ids = store.store(KEY, stream[:inside], stream[inside:end], stream[end:])
    counter = Counter(store)
    counter.count(ids)
    assert counter.rests == 1
    counter.count(ids)
    assert counter.rests == 2, "what is remembered is wrong as well"
    counter.tally.settle(counter.index)
    assert {number: counter.index.get(bytes([number]) * 32) for number in (1, 2, 3)} == {1: (2, 10, 9), 2: None, 3: (2, 10, 9)}


def test_chunks_that_archives_share_are_fetched_once() -> None:
    store = MemoryStore()
    ids = store.store(KEY, *(encoded(n) for n in range(10)))
    counter = Counter(store)
    counter.count(ids[:7])
    store.fetched.clear()
    counter.count([*ids, ids[0]])
    assert store.fetched == ids[7:]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_references, "_KEEP_BYTES", 20_000)
    store = MemoryStore()
    ids = store.store(KEY, *(b"".join(encoded(m, path=b"%d" % n) for m in range(50)) for n in range(40)))
    counter = Counter(store)
    counter.count(ids)
    store.fetched.clear()
    counter.count(ids[-2:])
    assert store.fetched == [], "the last are remembered"
    counter.count(ids[:1])
    assert store.fetched == ids[:1], "the least recently used had to go"


def test_windows_are_bounded() -> None:
    store = MemoryStore()
    ids = store.store(KEY, *(encoded(n % 200, path=b"%d" % n) for n in range(100)))
    Counter(store).count(ids)
    assert max(store.requests) == 32
    assert sum(store.requests) == 100


def test_lost_and_damaged_chunks_are_named() -> None:
    store = MemoryStore()
    ids = store.store(KEY, *(encoded(n) for n in range(100)))
    store.objects[ids[70]] = store.objects[ids[71]]
    with pytest.raises(IntegrityError, match=ids[70].hex()):
        Counter(store).count(ids)
    store.delete(ids[40])
    with pytest.raises(ObjectNotFound, match=ids[40].hex()):
        Counter(store).count(ids)


def test_a_damaged_stream_stops_it() -> None:
    store = MemoryStore()
    ids = store.store(KEY, encoded(1) + b"\xc1" + encoded(2))
    with pytest.raises(IntegrityError):
        Counter(store).count(ids)
