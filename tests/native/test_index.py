"""The index kernels: the same bytes as their twin after any history, the recorded files, damage, counting, threads."""

from __future__ import annotations

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.hashindex import DELETED, MAX_VALUE, Table, foreign_file
from vinculum import _native
from vinculum.errors import IntegrityError

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "golden" / "vectors" / "hashindex.json").read_text())


def saved(index: _native.RepositoryIndex | _native.ChunkIndex) -> bytes:
    return bytes(memoryview(index.save()))


def key_of(number: int, stride: int = 1) -> bytes:
    """Keys whose homes are `stride` apart, so that small strides and multiples of 1031 make them collide."""
    return struct.pack("<I28x", number * stride % 2**32)[:28] + struct.pack(">I", number)


def position(value: bytes) -> tuple[int, int]:
    segment, offset = struct.unpack("<II", value)
    return segment, offset


# -- the same bytes as the twin ----------------------------------------------------------------------------------------


class Pair:
    """An index and its twin, which take every step together."""

    def __init__(self, file: bytes | None, stride: int) -> None:
        self.stride = stride
        self.twin = Table(8) if file is None else Table.from_bytes(file)
        self.index = _native.RepositoryIndex() if file is None else _native.RepositoryIndex.load(file)

    def set(self, number: int, segment: int) -> None:
        key = key_of(number, self.stride)
        self.twin.set(key, struct.pack("<II", segment, number))
        self.index.set(key, segment, number)

    def get(self, number: int) -> None:
        key = key_of(number, self.stride)
        value = self.twin.get(key)
        assert self.index.get(key) == (value if value is None else position(value))

    def pop(self, number: int) -> None:
        key = key_of(number, self.stride)
        value = self.twin.pop(key)
        assert self.index.pop(key) == (value if value is None else position(value))

    def check(self) -> None:
        assert len(self.index) == len(self.twin)
        assert saved(self.index) == self.twin.to_bytes()
        assert self.index.ids() == self.twin.keys()


numbers = st.integers(0, 60)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), numbers, st.integers(0, MAX_VALUE)),
        st.tuples(st.just("get"), numbers),
        st.tuples(st.just("pop"), numbers),
    ),
    max_size=60,
)


@st.composite
def foreign_files(draw: st.DrawFn, stride: int = 1) -> bytes:
    """Files of any number of buckets, from empty to completely full."""
    buckets = draw(st.integers(1, 80))
    used = draw(st.lists(numbers, unique=True, max_size=buckets))
    return foreign_file(8, buckets, [(key_of(number, stride), struct.pack("<II", 3, number)) for number in used])


@given(st.sampled_from([1, 1031, 7 * 1031]), steps, st.data())
def test_any_history_gives_the_bytes_of_the_twin(stride: int, steps: list[tuple[Any, ...]], data: st.DataObject) -> None:
    pair = Pair(data.draw(st.none() | foreign_files(stride)), stride)
    for name, *arguments in steps:
        getattr(pair, name)(*arguments)
    pair.check()
    again = _native.RepositoryIndex.load(pair.index.save())
    assert saved(again) == saved(pair.index)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["set", "set", "pop", "get"]), st.integers(0, 900), st.integers(1, 900)), max_size=7))
def test_growing_and_shrinking_gives_the_bytes_of_the_twin(runs: list[tuple[str, int, int]]) -> None:
    pair = Pair(None, 1)
    for name, start, length in runs:
        for number in range(start, start + length):
            getattr(pair, name)(*([number, 5] if name == "set" else [number]))
    pair.check()


def test_tombstones_are_cleared_before_probing_gets_long() -> None:
    # Ever new keys in a table of few entries: no growth, but buckets run out of never-used ones.
    pair = Pair(None, 1)
    for number in range(2500):
        pair.set(number, 1)
        if number >= 10:
            pair.pop(number - 10)
    pair.check()
    assert saved(pair.index)[12:16] == struct.pack("<i", 1031)
    assert saved(pair.index).count(DELETED) < 1031 - 72


# -- recorded files ----------------------------------------------------------------------------------------------------


def matches(index: _native.RepositoryIndex | _native.ChunkIndex, recorded: dict[str, Any]) -> bool:
    return bool(sha256(saved(index)).hexdigest() == recorded["sha256"])


def test_the_recorded_history_gives_the_recorded_files() -> None:
    filled, deleted, looked_up, inserted = VECTORS["repository_index_history"]
    entries = [bytes.fromhex(value) for _, value, _ in filled["non_empty_buckets"]]
    index = _native.RepositoryIndex()
    for entry in sorted(entries, key=lambda entry: entry[35::-1][:4]):
        index.set(entry[:32], *position(entry[32:]))
    assert matches(index, filled)
    second, third = (next(entry[:32] for entry in entries if entry[4:32] == bytes([number]) * 28) for number in (1, 2))
    assert index.pop(second) == (101, 201)
    assert matches(index, deleted)
    assert third in index
    assert matches(index, looked_up)
    index.set(second, 1, 2)
    assert matches(index, inserted)


def test_growth_gives_the_recorded_files() -> None:
    index = _native.RepositoryIndex()
    count = 0
    for recorded in VECTORS["growth"]["sizes"]:
        new = range(count, recorded["inserted"])
        index.set_many(b"".join(sha256(b"g%d" % number).digest() for number in new), 0, list(new))
        count = recorded["inserted"]
        assert matches(index, recorded)


def test_the_compact_form_is_the_recorded_one_and_can_be_loaded() -> None:
    recorded = VECTORS["chunks_index_full"]
    compact = bytes.fromhex(VECTORS["chunks_index_compact_hex"])
    index = _native.ChunkIndex()
    for _, value, _ in recorded["non_empty_buckets"]:
        index.set(bytes.fromhex(value[:64]), *struct.unpack("<III", bytes.fromhex(value[64:])))
    assert matches(index, recorded)
    assert bytes(memoryview(index.save_compact())) == compact
    loaded = _native.ChunkIndex.load(compact)
    assert {id: loaded.get(id) for id in loaded.ids()} == {id: index.get(id) for id in index.ids()}
    assert bytes(32) not in loaded
    empty = bytes.fromhex(VECTORS["chunks_index_compact_of_empty_hex"])
    assert bytes(memoryview(_native.ChunkIndex().save_compact())) == empty
    assert len(_native.ChunkIndex.load(empty)) == 0


# -- damaged files -----------------------------------------------------------------------------------------------------

SMALL = foreign_file(8, 7, [(key_of(number), struct.pack("<II", number, 8)) for number in (0, 7, 14, 3)])


def load_or_refuse(data: bytes) -> None:
    """Whatever the bytes are: either an IntegrityError, or an index that works."""
    try:
        index = _native.RepositoryIndex.load(data)
    except IntegrityError:
        return
    for id in index.ids():
        assert id in index
    index.set(b"n" * 32, 1, 2)
    assert index.pop(b"n" * 32) == (1, 2)
    for id in index.ids():
        index.pop(id)
    assert len(index) == 0


def test_every_truncation_is_refused() -> None:
    for length in range(len(SMALL)):
        with pytest.raises(IntegrityError):
            _native.RepositoryIndex.load(SMALL[:length])


def test_no_flipped_bit_breaks_the_index() -> None:
    for bit in range(8 * len(SMALL)):
        damaged = bytearray(SMALL)
        damaged[bit // 8] ^= 1 << bit % 8
        load_or_refuse(bytes(damaged))


@given(st.integers(1, 12), st.binary(max_size=500))
def test_no_content_breaks_the_index(buckets: int, content: bytes) -> None:
    body = content.ljust(40 * buckets, b"\xff")[: 40 * buckets]
    markers = [body[start : start + 4] for start in range(32, len(body), 40)]
    used = sum(marker not in (b"\xff" * 4, DELETED) for marker in markers)
    load_or_refuse(struct.pack("<8siibb", b"BORG_IDX", used, buckets, 32, 8) + body)


def file_with(
    entries: int = 0, buckets: int = 1, key_size: int = 32, value_size: int = 8, magic: bytes = b"BORG_IDX", more: bytes = b""
) -> bytes:
    header = struct.pack("<8siibb", magic, entries, buckets, key_size, value_size)
    return header + (bytes(32) + b"\xff" * 4 + bytes(4)) * max(buckets, 0) + more


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes are too short"),
        (file_with(magic=b"BORG_IDY"), "magic"),
        (file_with(buckets=0), "0 entries in 0 buckets"),
        (file_with(buckets=-1), "0 entries in -1 buckets"),
        (file_with(entries=-1), "-1 entries in 1 buckets"),
        (file_with(entries=2), "2 entries in 1 buckets"),
        (file_with(entries=1), "counts 1 entries, but there are 0"),
        (file_with(key_size=33), "keys of 33"),
        (file_with(value_size=12), "values of 12 bytes instead of 32 and 8"),
        (file_with(more=b"x"), "59 bytes instead of 58 for 1 buckets"),
        (
            foreign_file(8, 9, [(key_of(1), struct.pack("<II", MAX_VALUE + 1, 0))]),
            "bucket 1 holds the reserved value 4294966272",
        ),
        (foreign_file(8, 9, [(key_of(1), bytes(8))]).replace(key_of(1), key_of(3)), "entry in bucket 1 cannot be found"),
    ],
)
def test_the_message_says_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(IntegrityError, match=reason):
        _native.RepositoryIndex.load(data)


def test_full_and_deleted_tables_end_every_lookup() -> None:
    entries = [(key_of(number, 1031), struct.pack("<II", 1, number)) for number in range(1031)]
    full = _native.RepositoryIndex.load(foreign_file(8, 1031, entries))
    assert b"x" * 32 not in full
    assert len(full) == 1031
    deleted = struct.pack("<8siibb", b"BORG_IDX", 0, 1031, 32, 8) + (bytes(32) + DELETED + bytes(4)) * 1031
    index = _native.RepositoryIndex.load(deleted)
    assert b"x" * 32 not in index
    index.set(b"x" * 32, 1, 2)
    assert index.get(b"x" * 32) == (1, 2)


# -- repository index --------------------------------------------------------------------------------------------------


def test_ids_are_listed_after_the_marker() -> None:
    index = _native.RepositoryIndex()
    ids = [key_of(number) for number in range(20)]
    index.set_many(b"".join(ids), 1, list(range(20)))
    assert index.ids() == ids
    assert index.ids(limit=3) == ids[:3]
    assert index.ids(marker=ids[4], limit=3) == ids[5:8]
    assert index.ids(ids[19]) == []
    assert index.ids(limit=0) == []
    with pytest.raises(KeyError):
        index.ids(marker=b"?" * 32)


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 41))
def test_objects_are_located_in_reading_order(wanted: list[int], known: int) -> None:
    positions = {number: (number * 7 % 5, 8 + number * 11 % 13) for number in range(known)}
    index = _native.RepositoryIndex()
    for number, (segment, offset) in positions.items():
        index.set(key_of(number), segment, offset)
    ids = b"".join(map(key_of, wanted))
    unknown = [number for number in wanted if number >= known]
    if unknown:
        with pytest.raises(KeyError, match=key_of(unknown[0]).hex()):
            index.locate(ids)
        return
    located = index.locate(ids)
    flat = [
        (segment, offset, place, group[at * 32 : at * 32 + 32])
        for segment, group, offsets, places in located
        for at, (offset, place) in enumerate(zip(offsets, places, strict=True))
    ]
    assert [segment for segment, *_ in located] == sorted({positions[number][0] for number in wanted})
    assert flat == sorted((*positions[number], place, key_of(number)) for place, number in enumerate(wanted))


def test_batches_of_lookups() -> None:
    index = _native.RepositoryIndex(5000)
    assert saved(index)[12:16] == struct.pack("<i", 8209)
    index.set(key_of(1), 7, 8)
    assert index.get_many(key_of(1) + key_of(2)) == [(7, 8), None]
    assert index.known(key_of(2) + key_of(1) + key_of(3)) == key_of(1)
    assert index.known(key_of(2) + key_of(3)) == b""
    assert index.known(b"") == b""
    with pytest.raises(ValueError, match="1 ids with 2 offsets"):
        index.set_many(key_of(1), 1, [1, 2])
    with pytest.raises(ValueError, match="32 bytes"):
        index.get(b"short")
    with pytest.raises(ValueError, match="32 bytes each"):
        index.get_many(b"short")
    with pytest.raises(ValueError, match="more than an index can hold"):
        index.set(key_of(1), MAX_VALUE + 1, 0)


def test_saved_bytes_do_not_change_any_more() -> None:
    index = _native.RepositoryIndex()
    index.set(key_of(1), 7, 8)
    handle = index.save()
    before = bytes(memoryview(handle))
    loaded = _native.RepositoryIndex.load(handle)
    index.set(key_of(1), 9, 9)
    loaded.pop(key_of(1))
    assert bytes(memoryview(handle)) == before
    assert _native.RepositoryIndex.load(handle).get(key_of(1)) == (7, 8)


# -- chunk index -------------------------------------------------------------------------------------------------------

A, B, C = b"a" * 32, b"b" * 32, b"c" * 32


def test_counts_rise_and_fall() -> None:
    index = _native.ChunkIndex()
    assert index.add(A, 2, 100, 50) == 2
    assert index.add(A, 3, 100, 0) == 5
    assert index.get(A) == (5, 100, 50)
    assert index.add(A, 1, 0, 40) == 6
    assert index.get(A) == (6, 100, 40)
    index.set(B, 1, 7, 6)
    assert index.remove_references(A + B + A) == B
    assert (index.get(A), B in index, len(index)) == ((4, 100, 40), False, 1)
    assert index.missing(A + B + C) == b"\x00\x01\x01"


def test_unknown_sizes_are_completed_and_known_ones_must_agree() -> None:
    index = _native.ChunkIndex()
    index.add(A, 1, 0, 0)
    assert index.unsized_ids() == A
    index.add(A, 1, 100, 50)
    assert index.get(A) == (2, 100, 50)
    with pytest.raises(IntegrityError, match=f"{A.hex()} has a size of 100 and of 99 bytes"):
        index.add(A, 1, 99, 50)
    assert index.get(A) == (2, 100, 50)


def test_a_count_at_its_maximum_stays_there() -> None:
    index = _native.ChunkIndex()
    index.set(A, MAX_VALUE - 1, 1, 1)
    assert index.add(A, 5, 1, 1) == MAX_VALUE
    assert index.remove_references(A) == b""
    assert index.get(A) == (MAX_VALUE, 1, 1)
    with pytest.raises(ValueError, match="more than an index can hold"):
        index.set(A, MAX_VALUE + 1, 1, 1)


def test_removing_an_unknown_reference_changes_nothing() -> None:
    index = _native.ChunkIndex()
    index.set(A, 2, 1, 1)
    with pytest.raises(KeyError):
        index.remove_references(A + C)
    assert index.get(A) == (2, 1, 1)


def test_released_references_are_summed_up() -> None:
    index = _native.ChunkIndex()
    index.set(A, 2, 100, 50)
    index.set(B, 1, 7, 6)
    index.set(C, MAX_VALUE, 1000, 900)
    released = index.release(A + B + C + A)
    assert (released.orphans, released.size, released.csize, released.freed) == (B + A, 1207, 1006, 56)
    assert released.damage is None
    assert (index.get(C), len(index)) == ((MAX_VALUE, 1000, 900), 1)
    with pytest.raises(KeyError, match=A.hex()):
        index.release(C + A)


def test_positions_are_removed_all_or_none() -> None:
    index = _native.RepositoryIndex()
    for segment, id in enumerate((A, B, C)):
        index.set(id, segment, 8)
    index.remove_many(A + C)
    assert index.ids() == [B]
    with pytest.raises(KeyError, match=A.hex()):
        index.remove_many(B + A)
    assert index.ids() == [B]


def test_assumed_chunks_are_never_given_up_and_learn_their_size() -> None:
    index = _native.ChunkIndex()
    index.set(A, 3, 1000, 900)
    index.assume(B + C)
    assert index.get(B) == (MAX_VALUE, 0, 0)
    assert index.remove_references(A + B + B) == b""
    assert index.add(C, 1, 500, 0) == MAX_VALUE
    assert (index.get(B), index.get(C), len(index)) == ((MAX_VALUE, 0, 0), (MAX_VALUE, 500, 0), 3)


counts = st.dictionaries(numbers, st.integers(1, 5) | st.just(MAX_VALUE), max_size=12)


def chunk_index(counts: dict[int, int]) -> _native.ChunkIndex:
    index = _native.ChunkIndex()
    for number, count in counts.items():
        index.set(key_of(number), count, number + 10, number + 5)
    return index


def expected_usage(counts: dict[int, int], unique: set[int]) -> tuple[int, int, int, int, int, int]:
    return (
        sum(count * (number + 10) for number, count in counts.items()),
        sum(count * (number + 5) for number, count in counts.items()),
        sum(number + 10 for number in unique),
        sum(number + 5 for number in unique),
        len(unique),
        sum(counts.values()),
    )


@given(counts, counts)
def test_merging_adds_counts_and_usage_sums_them(first: dict[int, int], second: dict[int, int]) -> None:
    total = chunk_index(first)
    part = chunk_index(second)
    total.merge(part)
    merged = {number: min(first.get(number, 0) + second.get(number, 0), MAX_VALUE) for number in first | second}
    twin = Table(12)
    for counts in (first, second):
        for key in chunk_index(counts).ids():
            number = key[31]
            twin.set(key, struct.pack("<III", merged[number], number + 10, number + 5))
    assert saved(total) == twin.to_bytes()
    assert total.usage() == expected_usage(merged, set(merged))


def test_merging_an_index_with_itself_doubles_it() -> None:
    index = chunk_index({1: 2, 2: 3})
    index.merge(index)
    assert (index.get(key_of(1)), index.get(key_of(2))) == ((4, 11, 6), (6, 12, 7))


HASHER = _native.IdHasher("sha256")


def test_claims_return_what_is_new() -> None:
    index = _native.ChunkIndex()
    index.add(sha256(b"known").digest(), 1, 5, 3)
    batch = _native.ChunkBatch.of([b"new", b"known", b"new", b"other"], HASHER)
    claimed = index.claim(batch)
    assert [bytes(memoryview(claimed.data(position))) for position in range(len(claimed))] == [b"new", b"other"]
    assert index.get(sha256(b"new").digest()) == (2, 3, 0)
    assert index.get(sha256(b"known").digest()) == (2, 5, 3)
    assert len(index.claim(batch)) == 0


def test_a_claim_that_fails_claims_nothing() -> None:
    index = _native.ChunkIndex()
    index.set(sha256(b"known").digest(), 1, 4, 3)
    with pytest.raises(IntegrityError, match="size of 4 and of 5 bytes"):
        index.claim(_native.ChunkBatch.of([b"new", b"known"], HASHER))
    assert len(index) == 1
    assert index.get(sha256(b"known").digest()) == (1, 4, 3)


def test_sealed_chunks_get_their_stored_size() -> None:
    index = _native.ChunkIndex()
    sealer = _native.Sealer(2, "none", b"", b"", _native.Compressor("none"))
    claimed = index.claim(_native.ChunkBatch.of([b"some data", b""], HASHER))
    sealed = sealer.seal(claimed, 0)
    index.settle(sealed)
    assert [index.get(sealed.ids()[start : start + 32]) for start in (0, 32)] == [
        (1, 9, sealed.sizes()[0]),
        (1, 0, sealed.sizes()[1]),
    ]
    assert min(sealed.sizes()) > 0
    with pytest.raises(KeyError):
        _native.ChunkIndex().settle(sealed)


def test_each_chunk_is_won_by_exactly_one_thread() -> None:
    index = _native.ChunkIndex()
    batches = [_native.ChunkBatch.of([b"%d" % number for number in range(k, k + 300)], HASHER) for k in range(0, 3000, 100)]
    threads = 4
    barrier = Barrier(threads)

    def claim_all() -> bytes:
        barrier.wait()
        return b"".join(index.claim(batch).ids() for batch in batches)

    with ThreadPoolExecutor(threads) as pool:
        won = b"".join(future.result() for future in [pool.submit(claim_all) for _ in range(threads)])
    ids = [won[start : start + 32] for start in range(0, len(won), 32)]
    assert len(ids) == len(set(ids)) == len(index) == 3200
    assert index.usage()[5] == threads * 300 * len(batches)
