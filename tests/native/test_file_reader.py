"""Reading files and pipes to their end: the same chunks as for the whole content, holes left unread."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference import chunking as twin
from vinculum import _native

HASHER = _native.IdHasher("sha256")
DEFAULT: _native.BuzhashParams = ("buzhash", 10, 14, 12, 255)
PAGE = 4096


def read_all(fd: int, params: Any, batch_bytes: int, sparse: bool = False) -> tuple[list[bytes], list[int]]:
    """All chunks, and the size of each batch."""
    reader = _native.FileReader(fd, _native.Chunker(params, 99), HASHER, sparse)
    chunks, batches = [], []
    while len(batch := reader.read(batch_bytes)):
        chunks += [bytes(batch.data(index)) for index in range(len(batch))]
        batches.append(batch.size_bytes)
        assert batch.ids() == b"".join(hashlib.sha256(chunk).digest() for chunk in chunks[-len(batch) :])
    assert len(reader.read(batch_bytes)) == 0
    return chunks, batches


@pytest.mark.parametrize("params", [DEFAULT, ("fixed", 4096, 0), ("fixed", 5000, 333), ("fixed", 300, 1000)])
@pytest.mark.parametrize("length", [0, 1, 332, 333, 334, 5333, 64 * 1024, 64 * 1024 + 3, 1_000_000])
@pytest.mark.parametrize("batch_bytes", [1, 20_000, 1 << 22])
def test_files_of_all_sizes(tmp_path: Path, params: Any, length: int, batch_bytes: int) -> None:
    data = random.Random(length).randbytes(length)
    (tmp_path / "file").write_bytes(data)
    with open(tmp_path / "file", "rb") as file:
        chunks, batches = read_all(file.fileno(), params, batch_bytes)
    assert b"".join(chunks) == data
    assert [len(chunk) for chunk in chunks] == twin.cut(data, params, 99)
    assert all(size <= max(batch_bytes, 128 * 1024) + 2 * 16 * 1024 for size in batches)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([DEFAULT, ("fixed", 1000, 10)]), st.lists(st.integers(1, 70_000), max_size=10), st.integers(1, 200_000))
def test_pipes_that_trickle(params: Any, pieces: list[int], batch_bytes: int) -> None:
    data = random.Random(1).randbytes(sum(pieces))
    read_end, write_end = os.pipe()

    def write() -> None:
        position = 0
        with open(write_end, "wb", buffering=0) as pipe:
            for size in pieces:
                pipe.write(data[position : position + size])
                position += size

    writer = threading.Thread(target=write)
    writer.start()
    try:
        chunks, _ = read_all(read_end, params, batch_bytes, sparse=True)
    finally:
        writer.join()
        os.close(read_end)
    assert b"".join(chunks) == data
    assert [len(chunk) for chunk in chunks] == twin.cut(data, params, 99)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=8),
    st.integers(0, PAGE - 1),
    st.integers(64, 20_000),
    st.sampled_from([0, 0, 100, PAGE, 10_000, 200_000]),
    st.integers(1, 100_000),
)
def test_sparse_files(
    tmp_path: Path, layout: list[tuple[int, bool]], tail: int, block: int, header: int, batch_bytes: int
) -> None:
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        for pages, is_data in layout:
            if is_data:
                file.write(b"\xaa" * PAGE * pages)
            else:
                file.seek(PAGE * pages, os.SEEK_CUR)
        file.truncate(file.tell() + tail)
    content = path.read_bytes()
    with open(path, "rb") as file:
        ranges = twin.ranges_of(file.fileno(), min(header, len(content)))
        chunks, _ = read_all(file.fileno(), ("fixed", block, header), batch_bytes, sparse=True)
    head = twin.cut_fixed(min(header, len(content)), block)
    assert b"".join(chunks) == content
    assert [len(chunk) for chunk in chunks] == head + [size for size, _ in twin.cut_sparse(ranges, block)]
    if any(not is_data for _, is_data in layout) and not header:
        assert any(not is_data for _, is_data in ranges), "this file system has no holes, so nothing was tested"


def test_holes_are_neither_read_nor_hashed_again(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with open(path, "wb") as file:
        file.truncate(256 << 30)
        file.seek(100 << 30)
        file.write(b"x")
    block = 16 << 20
    before = time.process_time()
    total, distinct = 0, set()
    with open(path, "rb") as file:
        reader = _native.FileReader(file.fileno(), _native.Chunker(("fixed", block, 0), 0), HASHER, True)
        while len(batch := reader.read(1 << 30)):
            total += batch.size_bytes
            ids = batch.ids()
            distinct |= {ids[start : start + 32] for start in range(0, len(ids), 32)}
    assert total == 256 << 30
    assert hashlib.sha256(bytes(block)).digest() in distinct
    assert time.process_time() - before < 5, "256 GiB cannot be read in that time"


def test_sparse_means_nothing_to_buzhash(tmp_path: Path) -> None:
    path = tmp_path / "file"
    data = random.Random(3).randbytes(50_000) + bytes(100_000) + b"end"
    path.write_bytes(data)
    with open(path, "rb") as file:
        chunks, _ = read_all(file.fileno(), DEFAULT, 1 << 20, sparse=True)
    assert [len(chunk) for chunk in chunks] == twin.cut(data, DEFAULT, 99)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_file_that_shrinks_ends_earlier(tmp_path: Path, sparse: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    with open(path, "r+b") as file:
        reader = _native.FileReader(file.fileno(), _native.Chunker(("fixed", 10_000, 0), 0), HASHER, sparse)
        assert reader.read(30_000).sizes() == [10_000] * 3
        file.truncate(35_000)
        assert reader.read(30_000).sizes() == [5_000]
        assert len(reader.read(30_000)) == 0


def test_failures_are_os_errors(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError):
            _native.FileReader(directory, _native.Chunker(DEFAULT, 0), HASHER).read(1000)
    finally:
        os.close(directory)
    with pytest.raises(ValueError, match="descriptor"):
        _native.FileReader(-1, _native.Chunker(DEFAULT, 0), HASHER)
