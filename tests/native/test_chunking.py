"""Cut points against the twin and the recorded ones, however the content arrives."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import chunking as twin
from vinculum import _native

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "golden" / "vectors" / "chunker.json").read_bytes())
HASHER = _native.IdHasher("sha256")
seeds = st.integers(-(2**31), 2**31 - 1)


def recorded_data(recipe: dict[str, Any]) -> bytes:
    length = recipe["bytes"]
    if recipe["kind"] == "repeat":
        pattern = bytes.fromhex(recipe["hex"])
        return bytes((pattern * (length // len(pattern) + 1))[:length])
    assert recipe["kind"] == "prng"
    blocks = (hashlib.sha256(recipe["label"].encode() + i.to_bytes(8, "big")).digest() for i in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def make_data(length: int, kind: int, seed: int) -> bytes:
    if kind == 0:
        return bytes([seed % 256]) * length
    if kind == 1:
        return bytes(random.Random(seed).choices(b"ab", k=length))
    return random.Random(seed).randbytes(length)


@st.composite
def buzhash_params(draw: st.DrawFn) -> _native.BuzhashParams:
    min_exp = draw(st.integers(6, 9))
    mask_bits = draw(st.integers(min_exp, 11))
    max_exp = draw(st.integers(max(mask_bits, min_exp + 1), 13))
    window = draw(st.integers(0, (2**max_exp - 2**min_exp - 2) // 2)) * 2 + 1
    return ("buzhash", min_exp, max_exp, mask_bits, window)


fixed_params = st.tuples(st.just("fixed"), st.integers(64, 3000), st.integers(0, 3000))
any_params = st.one_of(buzhash_params(), fixed_params)
contents = st.builds(make_data, st.integers(0, 20_000), st.integers(0, 2), st.integers(0, 2**31))


def test_recorded_buzhash_cuts() -> None:
    cases = VECTORS["buzhash_cut_points"]
    assert len(cases) >= 30
    for case in cases:
        data = recorded_data(case["data"])
        assert hashlib.sha256(data).hexdigest() == case["data_sha256"]
        assert _native.Chunker(tuple(case["params"]), case["seed"]).cut(data) == case["sizes"], case["desc"]


def test_the_twin_knows_the_recorded_hashes() -> None:
    assert len(VECTORS["buzhash_values"]) >= 7
    for case in VECTORS["buzhash_values"]:
        data = recorded_data(case["data"]) if case["data"] else bytes.fromhex(case["data_hex"])
        assert f"{twin.buzhash(data, case['seed']):08x}" == case["hash"]
    for case in VECTORS["buzhash_rolling"]:
        data, window, seed = recorded_data(case["data"]), case["window"], case["seed"]
        first = twin.buzhash(data[:window], seed)
        assert f"{first:08x}" == case["hash_at_0"]
        assert f"{twin.slide(first, data[0], data[window], window, seed):08x}" == case["hash_at_1"]


def test_recorded_fixed_cuts() -> None:
    assert len(VECTORS["fixed"]) >= 5
    for case in VECTORS["fixed"]:
        assert _native.Chunker(tuple(case["params"]), 0).cut(bytes(case["length"])) == case["sizes"]
    for case in VECTORS["fixed_with_map"]:
        ranges = [(length, is_data) for _, length, is_data in case["map_start_length_isdata"]]
        expected = [(size, allocation != 2) for allocation, size in case["allocation_and_size"]]
        assert twin.cut_sparse(ranges, case["block_size"]) == expected


@settings(max_examples=150, deadline=None)
@given(any_params, seeds, contents)
def test_cuts_equal_the_twin(params: Any, seed: int, data: bytes) -> None:
    assert _native.Chunker(params, seed).cut(data) == twin.cut(data, params, seed)


@settings(deadline=None)
@given(any_params, seeds, contents, st.lists(st.integers(0, 20_000), max_size=8))
def test_a_stream_is_cut_like_the_whole(params: Any, seed: int, data: bytes, cuts: list[int]) -> None:
    chunker = _native.Chunker(params, seed)
    stream = _native.StreamChunker(chunker, HASHER)
    for _ in range(2):  # the second time after `finish`
        ends = [0, *sorted(cuts), len(data)]
        batches = [stream.feed(data[start:end]) for start, end in itertools.pairwise(ends)]
        batches.append(stream.finish())
        chunks = [bytes(batch.data(index)) for batch in batches for index in range(len(batch))]
        assert b"".join(chunks) == data
        assert [len(chunk) for chunk in chunks] == chunker.cut(data)
        assert b"".join(batch.ids() for batch in batches) == b"".join(hashlib.sha256(chunk).digest() for chunk in chunks)


def test_a_stream_gives_chunks_as_soon_as_they_are_certain() -> None:
    data = random.Random(1).randbytes(3_000_000)
    chunker = _native.Chunker(("buzhash", 15, 19, 17, 4095), 7)
    stream = _native.StreamChunker(chunker, HASHER)
    ends = []
    position = 0
    for start in range(0, len(data), 10_000):
        for size in stream.feed(data[start : start + 10_000]).sizes():
            position += size
            ends.append((start + 10_000, position))
    assert len(ends) >= 10
    # A cut is certain once the window behind it is there.
    assert all(seen - end <= 10_000 + 4096 for seen, end in ends)


@pytest.mark.parametrize(
    "params",
    [
        ("buzhash", 5, 10, 8, 255),
        ("buzhash", 10, 24, 12, 255),
        ("buzhash", 10, 13, 9, 255),
        ("buzhash", 10, 13, 14, 255),
        ("buzhash", 10, 13, 11, 0),
        ("buzhash", 10, 13, 11, 256),
        ("buzhash", 8, 9, 8, 257),
        ("buzhash", 10, 13, 11, -1),
        ("buzhash", 10, 13, 11, 2**40 + 1),
        ("buzhash", 10, 13, 11),
        ("buzhash", 10, 13, 11, "255"),
        ("fixed", 63, 0),
        ("fixed", 20971480, 0),
        ("fixed", 4096, 20971480),
        ("fixed", 4096, -1),
        ("fixed", 4096),
        ("rabin", 4096, 0),
        (),
    ],
)
def test_parameters_outside_the_limits(params: Any) -> None:
    with pytest.raises(ValueError, match=r"chunker|window|size"):
        _native.Chunker(params, 0)


def test_chunk_batch_keeps_buffers() -> None:
    buffers = [b"", b"one", bytes(70_000)]
    batch = _native.ChunkBatch.of([*buffers], HASHER)
    assert (len(batch), batch.size_bytes, batch.sizes()) == (3, 70_003, [0, 3, 70_000])
    assert batch.ids() == b"".join(hashlib.sha256(buffer).digest() for buffer in buffers)
    assert [bytes(batch.data(index)) for index in range(3)] == buffers
    again = _native.ChunkBatch.of([batch.data(2)], HASHER)
    assert memoryview(again.data(0)).obj is not None
    assert bytes(again.data(0)) == buffers[2]
    with pytest.raises(ValueError, match="no chunk 3"):
        batch.data(3)


def test_chunk_list_grows_by_batches() -> None:
    batch = _native.ChunkBatch.of([b"one", b"three"], HASHER)
    chunks = _native.ChunkList.of(bytes(32) + b"\1" * 32, [10, 20], [5, 0])
    chunks.extend(batch)
    assert (len(chunks), chunks.size_bytes, chunks.csize_bytes) == (4, 38, 5)
    assert chunks.ids() == bytes(32) + b"\1" * 32 + batch.ids()
    assert (chunks.sizes(), chunks.csizes()) == ([10, 20, 3, 5], [5, 0, 0, 0])
    part = chunks.part(1, 3)
    assert (part.ids(), part.sizes()) == (chunks.ids()[32:96], [20, 3])
    assert len(chunks.part(3, 99)) == 1
    assert len(chunks.part(5, 2)) == 0
    assert len(_native.ChunkList()) == 0
    for ids, sizes, csizes in [(bytes(31), [1], [1]), (bytes(32), [1, 2], [1]), (bytes(32), [1], [])]:
        with pytest.raises(ValueError, match="ids"):
            _native.ChunkList.of(ids, sizes, csizes)


@settings(max_examples=60, deadline=None)
@given(any_params, seeds, st.lists(contents, max_size=6), st.integers(64, 5000))
def test_cutting_anew_is_cutting_whole_files(
    params: _native.BuzhashParams | _native.FixedParams, seed: int, files: list[bytes], old_size: int
) -> None:
    old = [[content[start : start + old_size] for start in range(0, len(content), old_size)] for content in files]
    pieces = _native.ChunkBatch.of([piece for file in old for piece in file], HASHER)
    chunks, counts = _native.Chunker(params, seed).recut(pieces, [len(file) for file in old], HASHER)
    wanted = [twin.cut(content, params, seed) for content in files]
    assert counts == [len(sizes) for sizes in wanted]
    assert chunks.sizes() == [size for sizes in wanted for size in sizes]
    data = [bytes(chunks.data(index)) for index in range(len(chunks))]
    assert b"".join(data) == b"".join(files)
    assert chunks.ids() == b"".join(hashlib.sha256(piece).digest() for piece in data)

    stream = _native.StreamChunker(_native.Chunker(params, seed), HASHER)
    fed = [stream.feed_batch(pieces), stream.finish()]
    assert [size for batch in fed for size in batch.sizes()] == twin.cut(b"".join(files), params, seed)


@pytest.mark.parametrize("counts", [[], [1], [2, 2], [4]])
def test_files_have_all_chunks_and_no_others(counts: list[int]) -> None:
    chunks = _native.ChunkBatch.of([b"one", b"two", b"three"], HASHER)
    with pytest.raises(ValueError, match="chunks"):
        _native.Chunker(("fixed", 64, 0), 0).recut(chunks, counts, HASHER)


@given(st.lists(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_chunks_without_others(numbers: list[int], others: set[int]) -> None:
    batch = _native.ChunkBatch.of([b"%d" % number for number in numbers], HASHER)
    rest = batch.without(_native.ChunkBatch.of([b"%d" % number for number in others], HASHER))
    assert [bytes(rest.data(index)) for index in range(len(rest))] == [b"%d" % n for n in numbers if n not in others]
