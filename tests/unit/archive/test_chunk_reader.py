"""Content of files leaves the reader in order, in bounded windows, and what is lost of one file costs the others nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.memory_store import MemoryStore
from support.plain_key import PlainKey
from vinculum._native import ChunkList
from vinculum.archive import chunk_reader
from vinculum.archive.chunk_reader import ChunkReader, Portion
from vinculum.errors import Error, IntegrityError, ObjectNotFound

KEY = PlainKey()
WINDOW = 1000


class Files:
    """Files in a store: their content and their chunk lists."""

    def __init__(self, *contents: list[bytes]) -> None:
        self.store = MemoryStore()
        self.contents = [b"".join(chunks) for chunks in contents]
        self.ids: list[list[bytes]] = []
        self.lists: list[ChunkList] = []
        for chunks in contents:
            ids = self.store.store(KEY, *chunks) if chunks else []
            self.ids.append(ids)
            self.lists.append(ChunkList.of(b"".join(ids), [len(chunk) for chunk in chunks], [0] * len(chunks)))

    def read(self, window_bytes: int = WINDOW) -> tuple[list[bytes], dict[int, Error]]:
        """What arrives of each file, and the errors."""
        arrived = [b""] * len(self.lists)
        errors: dict[int, Error] = {}
        order: list[tuple[int, bool]] = []
        for portion in ChunkReader(self.store, KEY, window_bytes).read(self.lists):
            arrived[portion.index] += b"".join(map(bytes, map(memoryview, portion.chunks)))
            order.append((portion.index, portion.is_last))
            if portion.error is not None:
                assert portion.chunks == []
                errors[portion.index] = portion.error
        assert [index for index, is_last in order if is_last] == list(range(len(self.lists))), "each file ends once, in order"
        assert [index for index, _ in order] == sorted(index for index, _ in order)
        return arrived, errors


def test_small_files_share_a_request() -> None:
    files = Files([b"a" * 100], [], [b"b" * 100, b"c" * 100], [b"d" * 900])
    assert files.read() == (files.contents, {})
    assert files.store.requests == [3, 1]


def test_large_file_is_read_in_windows() -> None:
    files = Files([bytes([n]) * 300 for n in range(10)])
    assert files.read() == (files.contents, {})
    assert files.store.requests == [3, 3, 3, 1]


def test_chunk_larger_than_the_window_is_read_alone() -> None:
    files = Files([b"a" * 100, b"b" * 5000, b"c" * 100])
    assert files.read() == (files.contents, {})
    assert files.store.requests == [1, 1, 1]


def test_large_file_between_small_ones_keeps_the_order() -> None:
    files = Files([b"a"], [b"b" * 600, b"c" * 600], [b"d"])
    assert files.read() == (files.contents, {})


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.binary(min_size=1, max_size=60), max_size=6), max_size=10),
    st.integers(min_value=1, max_value=200),
)
def test_whatever_the_window_everything_arrives(contents: list[list[bytes]], window: int) -> None:
    files = Files(*contents)
    assert files.read(window) == (files.contents, {})


def test_number_of_files_in_a_window_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_reader, "WINDOW_FILES", 4)
    files = Files(*([bytes([n])] for n in range(10)))
    assert files.read() == (files.contents, {})
    assert files.store.requests == [4, 4, 2]


@pytest.mark.parametrize("is_missing", [True, False])
def test_loss_in_a_small_file_costs_that_file_only(is_missing: bool) -> None:
    files = Files([b"a"], [b"b", b"bb"], [b"c"])
    damage(files, files.ids[1][1], is_missing)
    arrived, errors = files.read()
    assert arrived == [b"a", b"", b"c"]
    assert list(errors) == [1]
    assert isinstance(errors[1], ObjectNotFound if is_missing else IntegrityError)
    assert files.ids[1][1].hex() in str(errors[1])


@pytest.mark.parametrize("is_missing", [True, False])
def test_loss_in_a_large_file_ends_it_where_it_is_noticed(is_missing: bool) -> None:
    files = Files([b"x"], [bytes([n]) * 300 for n in range(10)], [b"z"])
    damage(files, files.ids[1][4], is_missing)
    arrived, errors = files.read()
    assert arrived == [b"x", files.contents[1][:900], b"z"]
    assert list(errors) == [1]


def damage(files: Files, id: bytes, is_missing: bool) -> None:
    if is_missing:
        files.store.delete(id)
    else:
        files.store.objects[id] = files.store.objects[files.ids[0][0]]


def test_input_is_consumed_three_windows_ahead_at_most() -> None:
    files = Files(*([bytes([n]) * 400] for n in range(10)))
    taken = 0

    def lists() -> Iterator[ChunkList]:
        nonlocal taken
        for chunks in files.lists:
            taken += 1
            yield chunks

    portions: Iterator[Portion] = ChunkReader(files.store, KEY, WINDOW).read(lists())
    next(portions)
    assert taken == 7
    assert files.store.requests == [2, 2]


def test_fetch_gives_the_chunks_of_ids() -> None:
    files = Files([b"one", b"two"])
    reader = ChunkReader(files.store, KEY)
    assert [bytes(memoryview(data)) for data in reader.fetch(files.ids[0][1] + files.ids[0][0])] == [b"two", b"one"]
    assert reader.fetch(b"") == []
    with pytest.raises(ObjectNotFound):
        reader.fetch(bytes(32))
