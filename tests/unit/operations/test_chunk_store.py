"""Chunks are claimed at once and stored later: in the order of claiming, together with what was to be done in between."""

from __future__ import annotations

import pytest

from support.memory_store import MemoryStore, opened_in_memory
from support.trees import random_content
from vinculum._native import ChunkBatch, IdHasher, SealedBatch
from vinculum.archive.statistics import Statistics
from vinculum.operations.create import content
from vinculum.operations.create.content import ChunkStore

HASHER = IdHasher("sha256")


class Diary(MemoryStore):
    """Also notes what happened in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[object] = []

    def put_many(self, sealed: SealedBatch) -> None:
        self.events.append(len(sealed))
        super().put_many(sealed)


@pytest.fixture
def diary() -> Diary:
    return Diary()


def chunk_store(diary: Diary, *, may_lag: bool) -> ChunkStore:
    return ChunkStore(opened_in_memory(diary), Statistics(), may_lag=may_lag)


def chunks(first: int, count: int, size: int = 1000) -> ChunkBatch:
    return ChunkBatch.of([random_content(number, size) for number in range(first, first + count)], HASHER)


def test_whoever_must_not_lag_stores_at_once(diary: Diary) -> None:
    store = chunk_store(diary, may_lag=False)
    store.add(chunks(0, 3))
    assert diary.events == [3]
    store.then(lambda: diary.events.append("then"))
    assert diary.events == [3, "then"]


def test_everything_happens_in_order(diary: Diary) -> None:
    store = chunk_store(diary, may_lag=True)
    store.then(lambda: diary.events.append("nothing to wait for"))
    store.add(chunks(0, 3))
    store.then(lambda: diary.events.append("first"))
    store.add(chunks(2, 2))
    store.then(lambda: diary.events.append("second"))
    assert diary.events == ["nothing to wait for"]
    store.catch_up()
    assert diary.events == ["nothing to wait for", 3, "first", 1, "second"]
    assert all(store.index.csizes(chunks(0, 4).ids()))


def test_what_a_step_leads_to_comes_after_what_waits_already(diary: Diary) -> None:
    store = chunk_store(diary, may_lag=True)
    store.add(chunks(0, 1))
    store.then(lambda: store.add(chunks(10, 5)))
    store.add(chunks(1, 2))
    store.then(lambda: diary.events.append("end"))
    store.catch_up()
    assert diary.events == [1, 2, "end", 5]


def test_it_lags_only_so_far(diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "LAG_BYTES", 2500)
    monkeypatch.setattr(content, "LAG_STEPS", 4)
    store = chunk_store(diary, may_lag=True)
    for number in range(4):
        store.add(chunks(number, 1))
    assert diary.events == [1, 1]
    for number in range(4):
        store.then(lambda number=number: diary.events.append(f"step {number}"))
    assert diary.events == [1, 1, 1, 1, "step 0", "step 1", "step 2", "step 3"]


def test_chunks_that_are_given_back_have_been_stored_before(diary: Diary) -> None:
    store = chunk_store(diary, may_lag=True)
    store.add(chunks(0, 2))
    store.release(chunks(1, 1).ids())
    assert len(diary) == 1
    assert len(store.index) == 1
