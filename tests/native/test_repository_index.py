"""What only the repository index does: ids in order, positions in reading order, batches of lookups."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.hashindex import MAX_VALUE
from support.indexes import numbered_key, saved
from vinculum import _native


def test_ids_are_listed_after_the_marker() -> None:
    index = _native.RepositoryIndex()
    ids = [numbered_key(number) for number in range(20)]
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
        index.set(numbered_key(number), segment, offset)
    ids = b"".join(map(numbered_key, wanted))
    unknown = [number for number in wanted if number >= known]
    if unknown:
        with pytest.raises(KeyError, match=numbered_key(unknown[0]).hex()):
            index.locate(ids)
        return
    located = index.locate(ids)
    flat = [
        (segment, offset, place, group[at * 32 : at * 32 + 32])
        for segment, group, offsets, places in located
        for at, (offset, place) in enumerate(zip(offsets, places, strict=True))
    ]
    assert [segment for segment, *_ in located] == sorted({positions[number][0] for number in wanted})
    assert flat == sorted((*positions[number], place, numbered_key(number)) for place, number in enumerate(wanted))


def test_batches_of_lookups() -> None:
    index = _native.RepositoryIndex(5000)
    assert saved(index)[12:16] == struct.pack("<i", 8209)
    index.set(numbered_key(1), 7, 8)
    assert index.get_many(numbered_key(1) + numbered_key(2)) == [(7, 8), None]
    assert index.known(numbered_key(2) + numbered_key(1) + numbered_key(3)) == numbered_key(1)
    assert index.known(numbered_key(2) + numbered_key(3)) == b""
    assert index.known(b"") == b""
    with pytest.raises(ValueError, match="1 ids with 2 offsets"):
        index.set_many(numbered_key(1), 1, [1, 2])
    with pytest.raises(ValueError, match="32 bytes"):
        index.get(b"short")
    with pytest.raises(ValueError, match="32 bytes each"):
        index.get_many(b"short")
    with pytest.raises(ValueError, match="more than an index can hold"):
        index.set(numbered_key(1), MAX_VALUE + 1, 0)


def test_saved_bytes_do_not_change_any_more() -> None:
    index = _native.RepositoryIndex()
    index.set(numbered_key(1), 7, 8)
    handle = index.save()
    before = bytes(memoryview(handle))
    loaded = _native.RepositoryIndex.load(handle)
    index.set(numbered_key(1), 9, 9)
    loaded.pop(numbered_key(1))
    assert bytes(memoryview(handle)) == before
    assert _native.RepositoryIndex.load(handle).get(numbered_key(1)) == (7, 8)
