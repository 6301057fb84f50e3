"""What only the chunk index does: counting references, merging, sums, and claims of which each chunk has one winner."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.hashindex import MAX_VALUE, Table
from support.indexes import numbered_key, numbers, saved
from vinculum import _native
from vinculum.errors import IntegrityError

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
        index.set(numbered_key(number), count, number + 10, number + 5)
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
    assert (index.get(numbered_key(1)), index.get(numbered_key(2))) == ((4, 11, 6), (6, 12, 7))


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
