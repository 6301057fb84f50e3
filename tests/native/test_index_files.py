"""Files of repository and chunk indexes: the bytes of the twin and of real Borg; damaged ones are refused with a reason."""

from __future__ import annotations

import json
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.hashindex import DELETED, MAX_VALUE, Table, foreign_file
from support.indexes import numbered_key, numbers, saved
from vinculum import _native
from vinculum.errors import IntegrityError

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "golden" / "vectors" / "hashindex.json").read_text())


def position(value: bytes) -> tuple[int, int]:
    segment, offset = struct.unpack("<II", value)
    return segment, offset


class Pair:
    """An index and its twin, which take every step together."""

    def __init__(self, file: bytes | None, stride: int) -> None:
        self.stride = stride
        self.twin = Table(8) if file is None else Table.from_bytes(file)
        self.index = _native.RepositoryIndex() if file is None else _native.RepositoryIndex.load(file)

    def set(self, number: int, segment: int) -> None:
        key = numbered_key(number, self.stride)
        self.twin.set(key, struct.pack("<II", segment, number))
        self.index.set(key, segment, number)

    def get(self, number: int) -> None:
        key = numbered_key(number, self.stride)
        value = self.twin.get(key)
        assert self.index.get(key) == (value if value is None else position(value))

    def pop(self, number: int) -> None:
        key = numbered_key(number, self.stride)
        value = self.twin.pop(key)
        assert self.index.pop(key) == (value if value is None else position(value))

    def check(self) -> None:
        assert len(self.index) == len(self.twin)
        assert saved(self.index) == self.twin.to_bytes()
        assert self.index.ids() == self.twin.keys()


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
    return foreign_file(8, buckets, [(numbered_key(number, stride), struct.pack("<II", 3, number)) for number in used])


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


SMALL = foreign_file(8, 7, [(numbered_key(number), struct.pack("<II", number, 8)) for number in (0, 7, 14, 3)])


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
            foreign_file(8, 9, [(numbered_key(1), struct.pack("<II", MAX_VALUE + 1, 0))]),
            "bucket 1 holds the reserved value 4294966272",
        ),
        (
            foreign_file(8, 9, [(numbered_key(1), bytes(8))]).replace(numbered_key(1), numbered_key(3)),
            "entry in bucket 1 cannot be found",
        ),
    ],
)
def test_the_message_says_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(IntegrityError, match=reason):
        _native.RepositoryIndex.load(data)


def test_full_and_deleted_tables_end_every_lookup() -> None:
    entries = [(numbered_key(number, 1031), struct.pack("<II", 1, number)) for number in range(1031)]
    full = _native.RepositoryIndex.load(foreign_file(8, 1031, entries))
    assert b"x" * 32 not in full
    assert len(full) == 1031
    deleted = struct.pack("<8siibb", b"BORG_IDX", 0, 1031, 32, 8) + (bytes(32) + DELETED + bytes(4)) * 1031
    index = _native.RepositoryIndex.load(deleted)
    assert b"x" * 32 not in index
    index.set(b"x" * 32, 1, 2)
    assert index.get(b"x" * 32) == (1, 2)
