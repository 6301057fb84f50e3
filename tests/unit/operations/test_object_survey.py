"""Reading every object: in small batches, as far as they are whole; what a search shows."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, cast

import pytest

from support.memory_store import MemoryStore, frozen
from support.plain_key import PlainKey
from vinculum.errors import IntegrityError, RuntimeTrouble
from vinculum.operations.object_survey import Search, any_object, read_all_objects
from vinculum.repository.store import MANIFEST_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum._native import Blob
    from vinculum.keys.key import Key
    from vinculum.repository.store import Store


def read(store: MemoryStore) -> Iterator[tuple[bytes, Blob]]:
    return read_all_objects(cast("Store", store), cast("Key", PlainKey()))


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.store(PlainKey(), *(b"%d" % number for number in range(100)))
    return store


def test_no_more_is_fetched_than_a_few_objects_ahead(store: MemoryStore) -> None:
    contents = [bytes(content) for _, content in islice(read(store), 20)]
    assert contents == [b"%d" % number for number in range(20)]
    assert len(store.fetched) <= 24
    assert max(store.requests) <= 8


def test_the_manifest_is_among_the_objects(store: MemoryStore) -> None:
    store.objects[MANIFEST_KEY] = store.objects.pop(next(iter(store.objects)))
    found = [(id, bytes(content)) for id, content in read(store)]
    assert len(found) == 100
    assert found[-1] == (MANIFEST_KEY, b"0")


def test_what_precedes_damage_comes_out(store: MemoryStore) -> None:
    store.objects[list(store.objects)[42]] = frozen(b"\x02junk")
    found = []
    with pytest.raises(IntegrityError):
        found.extend(read(store))
    objects = read(store)
    assert [bytes(next(objects)[1]) for _ in range(42)] == [b"%d" % number for number in range(42)]
    with pytest.raises(IntegrityError):
        next(objects)


def test_a_key_needs_an_object_to_go_by(store: MemoryStore) -> None:
    assert any_object(cast("Store", store)) is next(iter(store.objects.values()))
    with pytest.raises(RuntimeTrouble):
        any_object(cast("Store", MemoryStore()))


def test_a_search_counts_and_shows_the_first_place() -> None:
    (finding,) = Search(b"ab").look_into(b"id", bytes(40) + b"abcab" + bytes(40))
    assert (finding.ids, finding.count, finding.before, finding.after) == ((b"id",), 2, bytes(32), b"cab" + bytes(29))


def test_a_search_sees_what_two_neighbours_share() -> None:
    search = Search(b"abc")
    assert search.look_into(b"1", b"xxa") == []
    (across,) = search.look_into(b"2", b"bcyy")
    assert (across.ids, across.count, across.after) == ((b"1", b"2"), 0, b"yy")
    assert search.look_into(b"3", b"abc")[0].ids == (b"3",)
    assert search.look_into(b"4", b"bc") == []
