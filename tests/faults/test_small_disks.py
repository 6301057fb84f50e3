"""A disk that fills up at any moment: nothing is lost, nothing is left lying about, and deleting and compacting still work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from support.batches import objects_of, sealed
from support.fault_bench import FaultBench, leftovers
from support.faulty_storage import SmallDisk
from support.filled_repositories import Objects, content_of
from support.store_oracle import CONFIG
from vinculum.errors import InsufficientFreeSpace
from vinculum.operations.compact import compact_repository
from vinculum.repository.repository import Repository
from vinculum.repository.store import MANIFEST_KEY

INDEX_SIZE = 41258
ENOUGH = 2 * INDEX_SIZE + 70_000
"""For the index files, and the few DELETEs of a transaction."""


def _objects(seed: int, count: int) -> list[bytes]:
    random = Random(seed)
    return [random.randbytes(random.choice((50, 300, 4000, 20_000))) for _ in range(count)]


BATCHES = [sealed(_objects(seed, 30)) for seed in range(4)]
IDS = [[ids[at : at + 32] for at in range(0, len(ids), 32)] for ids in (batch.ids() for batch in BATCHES)]
BEFORE: Objects = {MANIFEST_KEY: b"manifest" * 20}
for _batch in BATCHES[:3]:
    BEFORE |= objects_of(_batch)
DELETED = [*IDS[0], *IDS[1][::2], *IDS[2][:3]]
REMAINING = {id: data for id, data in BEFORE.items() if id not in DELETED} | {MANIFEST_KEY: b"manifest" * 19}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prepared") / "repo"
    Repository.create(str(path))
    (path / "config").write_text(CONFIG.format(segments_per_dir=3, max_segment_size=60_000))
    with Repository(str(path), exclusive=True) as repository:
        for batch in BATCHES[:3]:
            repository.put_many(batch)
            repository.put(MANIFEST_KEY, BEFORE[MANIFEST_KEY])
            repository.commit()
    return path


def _create(repository: Repository) -> None:
    repository.put_many(BATCHES[3])
    repository.put(MANIFEST_KEY, b"manifest" * 21)
    repository.commit()


def _delete(repository: Repository) -> None:
    repository.delete_many(b"".join(DELETED))
    repository.put(MANIFEST_KEY, REMAINING[MANIFEST_KEY])
    repository.commit()


def _delete_and_compact(repository: Repository) -> None:
    _delete(repository)
    compact_repository(repository, 0.1)


WORKS: dict[str, tuple[Callable[[Repository], None], list[Objects]]] = {
    "create": (_create, [BEFORE, BEFORE | objects_of(BATCHES[3]) | {MANIFEST_KEY: b"manifest" * 21}]),
    "delete": (_delete, [BEFORE, REMAINING]),
    "delete and compact": (_delete_and_compact, [BEFORE, REMAINING]),
}


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.glob("data/*/*"))


def _works(bench: FaultBench, work: str, free: int) -> tuple[Path, bool, bool]:
    """The repository, whether the work was done, and whether the disk was full in between."""
    path = bench.copy()
    disk = SmallDisk(path, free)
    try:
        done = bench.attempt(WORKS[work][0], path, disk)
    except InsufficientFreeSpace:
        done = False
    return path, done, disk.was_full


@pytest.mark.parametrize("work", WORKS)
def test_disk_that_fills_up_at_any_moment_costs_nothing(bench: FaultBench, work: str) -> None:
    random = Random(work)
    outcomes = set()
    for free in [0, 1, 17, *(random.randrange(600_000) for _ in range(25)), *range(0, ENOUGH, 9001)]:
        path, done, was_full = _works(bench, work, free)
        outcomes.add((done, was_full))
        assert leftovers(path) == [], f"{free} bytes free"
        assert not [*path.glob("*.tmp")]
        found = content_of(path)
        assert found in WORKS[work][1], f"{free} bytes free"
        assert not done or found == WORKS[work][1][1]
        with Repository(str(path), exclusive=True) as repository:
            _delete(repository)
            compact_repository(repository, 0)
        assert {id: data for id, data in content_of(path).items() if id not in IDS[3]} == REMAINING
    assert (False, True) in outcomes
    assert (False, False) in outcomes, "never refused in time"
    assert (True, False) in outcomes


@pytest.mark.parametrize("free", [ENOUGH, ENOUGH + 1, ENOUGH + 30_000, 400_000])
def test_with_room_for_the_index_files_all_that_was_deleted_can_be_freed(bench: FaultBench, free: int) -> None:
    path, done, was_full = _works(bench, "delete and compact", free)
    assert done
    assert not was_full
    assert content_of(path) == REMAINING
    needed = sum(41 + len(data) for data in REMAINING.values())
    assert _size(path) < needed + 30_000, "more than a threshold of 10 % may leave"


def test_what_finds_no_room_waits_for_what_the_rest_frees(bench: FaultBench) -> None:
    path = bench.copy()
    with Repository(str(path), exclusive=True) as repository:
        # Of the oldest segments much is live, of the newest nothing.
        repository.delete_many(b"".join([*IDS[0][::3], *IDS[2]]))
        repository.put(MANIFEST_KEY, BEFORE[MANIFEST_KEY])
        repository.commit()
    expected = content_of(path)
    before = _size(path)
    disk = SmallDisk(path, INDEX_SIZE + 73_000)
    assert bench.attempt(lambda repository: compact_repository(repository, 0.1), path, disk)
    assert not disk.was_full
    assert content_of(path) == expected
    assert _size(path) < before - sum(map(len, objects_of(BATCHES[2]).values()))
    assert _size(path) < sum(41 + len(data) for data in expected.values()) + 30_000


def test_what_makes_no_room_is_refused(bench: FaultBench) -> None:
    data = sum(41 + len(data) for data in objects_of(BATCHES[3]).values())
    path, done, was_full = _works(bench, "create", data + ENOUGH)
    assert not done
    assert not was_full
    assert content_of(path) == BEFORE


def test_repository_without_index_is_readable_on_a_full_disk(bench: FaultBench) -> None:
    path = bench.copy()
    for kind in ("index", "hints", "integrity"):
        for file in path.glob(f"{kind}.*"):
            file.unlink()
    before = {file.name for file in path.iterdir()}
    disk = SmallDisk(path, 5000)
    with Repository(str(path), storage=disk) as repository:
        assert {id: bytes(repository.get(id)) for id in repository.list()} == BEFORE
    assert disk.was_full
    assert {file.name for file in path.iterdir()} == before
