"""Whatever fails during a transaction: the repository is found as its last commit left it, and the next transaction works."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support.batches import objects_of, sealed
from support.fault_bench import FaultBench, leftovers
from support.faulty_storage import WRITING, CommitWatch, FaultyStorage, FullStorage, RecordingStorage
from support.filled_repositories import Objects, content_of, numbered_id
from support.keys import key_of
from support.programs import Program
from support.store_oracle import files_of
from vinculum._native import Compressor
from vinculum.errors import InsufficientFreeSpace, LockTimeout
from vinculum.keys.counters import CounterAllocator
from vinculum.objects.codec import ObjectCodec
from vinculum.repository.repository import Repository
from vinculum.repository.storage import LocalStorage
from vinculum.repository.store import MANIFEST_KEY

SMALL_SEGMENTS = {"max_segment_size = 524288000": "max_segment_size = 300", "segments_per_dir = 1000": "segments_per_dir = 2"}
BATCH = sealed([b"batch %d" % number * 10 for number in range(12)])
MANY = [numbered_id(number) for number in range(20, 36)]
DELETED = MANY[1:]

BEFORE: Objects = {
    numbered_id(0): b"zero",
    numbered_id(1): b"one",
    numbered_id(2): b"two" * 50,
    **dict.fromkeys(MANY, b"many" * 9),
    MANIFEST_KEY: b"first manifest",
}


def _change(repository: Repository) -> None:
    """A transaction with every kind of change, not committed yet."""
    repository.put(numbered_id(1), b"one, changed")
    repository.delete(numbered_id(2))
    repository.put_many(BATCH)
    repository.put(numbered_id(9), b"nine" * 30)
    repository.put(MANIFEST_KEY, b"second manifest")


def _change_and_commit(repository: Repository) -> None:
    _change(repository)
    repository.commit()


CHANGED: Objects = {
    **{id: data for id, data in BEFORE.items() if id != numbered_id(2)},
    numbered_id(1): b"one, changed",
    numbered_id(9): b"nine" * 30,
    MANIFEST_KEY: b"second manifest",
    **objects_of(BATCH),
}


def _delete_many_and_commit(repository: Repository) -> None:
    repository.put(MANIFEST_KEY, b"manifest of less")
    assert repository.delete_many(b"".join(DELETED)) == b""
    repository.commit()


WITH_LESS: Objects = {id: data for id, data in BEFORE.items() if id not in DELETED} | {MANIFEST_KEY: b"manifest of less"}

WORKS = {"every kind of change": (_change_and_commit, CHANGED), "many deletions": (_delete_many_and_commit, WITH_LESS)}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prepared") / "repo"
    Repository.create(str(path))
    config = (path / "config").read_text()
    for old, new in SMALL_SEGMENTS.items():
        config = config.replace(old, new)
    (path / "config").write_text(config)
    with Repository(str(path), exclusive=True) as repository:
        for id, data in BEFORE.items():
            repository.put(id, data)
        repository.commit()
    return path


def _put_next(path: Path) -> None:
    with Repository(str(path), exclusive=True) as repository:
        repository.put(numbered_id(77), b"next")
        repository.commit()


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("fault", [None, errno.EIO, errno.ENOSPC], ids=["killed", "EIO", "ENOSPC"])
def test_failure_at_any_call_leaves_the_last_commit(bench: FaultBench, fault: int | None, work: str) -> None:
    act, after = WORKS[work]
    struck = []
    outcomes = set()
    for strike in bench.strikes(act, fault):
        struck.append(strike.call)
        if fault == errno.ENOSPC:
            assert leftovers(strike.path) == [], "leftovers keep a full disk full"
        found = content_of(strike.path)
        assert found in (BEFORE, after), f"neither the old nor the new state {strike}"
        outcomes.add(found == after)
        _put_next(strike.path)
        assert content_of(strike.path) == found | {numbered_id(77): b"next"}
        assert not [file.name for file in strike.path.glob("config*.tmp")]
    assert len(struck) > 20
    assert {*struck} >= {
        "create",
        "file.write",
        "file.sync",
        "file.close",
        "sync_directory",
        "make_directory",
        "write",
        "rename",
    }
    assert outcomes == {False, True}


def test_both_borgs_are_content_with_what_failed_deletions_left(bench: FaultBench, borg145: Program, borg124: Program) -> None:
    for number, strike in enumerate(bench.strikes(_delete_many_and_commit, None, every=5)):
        program = (borg145, borg124)[number % 2]
        program.run("check", "--repository-only", strike.path)
        assert content_of(strike.path) in (BEFORE, WITH_LESS), f"checked {strike}"


@pytest.mark.parametrize("work", WORKS)
def test_nothing_is_committed_before_it_is_durable(bench: FaultBench, work: str) -> None:
    act, after = WORKS[work]
    path = bench.copy()
    watch = CommitWatch(LocalStorage(str(path)))
    assert bench.attempt(act, path, watch)
    assert watch.commits_at_once == 1
    assert content_of(path) == after


@pytest.mark.parametrize("work", WORKS)
def test_short_writes_make_no_difference(bench: FaultBench, monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    act, _ = WORKS[work]
    whole = bench.copy()
    bench.attempt(act, whole, LocalStorage(str(whole)))
    expected = files_of(whole)
    path = bench.copy()
    write = os.writev
    short = []

    def write_little(fd: int, parts: list[Any]) -> int:
        content = b"".join(map(bytes, parts))
        short.append(len(content) > 7)
        return write(fd, [content[:7]])

    monkeypatch.setattr(os, "writev", write_little)
    assert bench.attempt(act, path, LocalStorage(str(path)))
    assert sum(short) > 30
    assert files_of(path) == expected


def test_each_segment_is_finished_before_the_next_is_created(bench: FaultBench) -> None:
    path = bench.copy()
    before = len(list(path.glob("data/*/*")))
    storage = RecordingStorage(LocalStorage(str(path)))
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        _change_and_commit(repository)
    calls = [call for call in storage.calls if call[0] in ("create", "file.sync", "file.close", "sync_directory")]
    # Making a directory takes a create in vain and a sync of `data`; neither finishes anything.
    calls = [call for at, call in enumerate(calls) if call != ("sync_directory", "data") and calls[at + 1 :][:1] != DATA_SYNC]
    created = [at for at, (name, _) in enumerate(calls) if name == "create"]
    assert len(created) == len(list(path.glob("data/*/*"))) - before
    for at, following in pairwise([*created, created[-1] + 4]):
        directory = str(Path(calls[at][1]).parent)
        assert calls[at + 1 : following] == [("file.sync", None), ("file.close", None), ("sync_directory", directory)]


DATA_SYNC = [("sync_directory", "data")]


def test_index_files_come_into_place_digests_first(bench: FaultBench) -> None:
    path = bench.copy()
    before = {file.name for kind in ("hints", "index", "integrity") for file in path.glob(f"{kind}.*")}
    storage = RecordingStorage(LocalStorage(str(path)))
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        _change_and_commit(repository)
    (transaction,) = (file.suffix for file in path.glob("index.*"))
    calls = [call for call in storage.calls if call[0] in ("write", "rename", "sync_directory", "delete")]
    hints, index, integrity = (kind + transaction for kind in ("hints", "index", "integrity"))
    assert calls[calls.index(("write", f"{hints}.tmp")) :][:8] == [
        *(("write", f"{name}.tmp") for name in (hints, index, integrity)),
        ("rename", f"{integrity}.tmp"),
        ("sync_directory", ""),
        ("rename", f"{hints}.tmp"),
        ("rename", f"{index}.tmp"),
        ("sync_directory", ""),
    ]
    assert {name for call, name in calls[-3:]} == before


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("seed", range(2))
def test_power_cut_at_any_call_leaves_the_last_commit_and_never_loses_a_finished_one(
    prepared: Path, tmp_path: Path, seed: int, work: str
) -> None:
    act, after = WORKS[work]
    # With leftovers of an earlier attempt, whose segment numbers will be used again.
    abandoned = FaultBench(prepared, tmp_path).copy().rename(tmp_path / "abandoned")
    with Repository(str(abandoned), exclusive=True) as repository:
        repository.put_many(BATCH)
    random = Random(seed)
    outcomes = set()
    for strike in FaultBench(abandoned, tmp_path).power_cuts(act, lambda: random.random() < 0.7):
        found = content_of(strike.path)
        assert found == after if strike.survived else found in (BEFORE, after), str(strike)
        outcomes.add((strike.survived, found == after))
        _put_next(strike.path)
        assert content_of(strike.path) == found | {numbered_id(77): b"next"}
    assert outcomes == {(False, False), (False, True), (True, True)}


def test_counters_are_on_the_disk_before_anything_is_sealed_with_them(bench: FaultBench, tmp_path: Path) -> None:
    path = bench.copy()
    storage = RecordingStorage(LocalStorage(str(path)))
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        counters = CounterAllocator(repository, str(tmp_path / "client" / "nonce"), 0)
        codec = ObjectCodec(key_of("repokey", repository_id=repository.id), counters, Compressor("lz4"))
        before = len(storage.calls)
        _, batch = codec.seal_object(b"secret")
        changes = [(name, argument) for name, argument in storage.calls[before:] if name in WRITING]
        assert int((path / "nonce").read_bytes(), 16) > int.from_bytes(bytes(batch.object(0))[33:41], "big")
    (written, temporary), (renamed, source), synced = changes
    assert (written, renamed, synced) == ("write", "rename", ("sync_directory", ""))
    assert source == temporary  # and what is written is synced


@pytest.mark.parametrize("unlink_needs_space", [False, True])
def test_full_disk_gets_its_space_back_at_once(bench: FaultBench, unlink_needs_space: bool) -> None:
    path = bench.copy()
    before = {file for file in path.rglob("*") if file.is_file()}
    storage = FullStorage(LocalStorage(str(path)), 1000, unlink_needs_space=unlink_needs_space)
    with pytest.raises(OSError, match="No space left"), Repository(str(path), exclusive=True, storage=storage) as repository:
        _change(repository)
    assert {file for file in path.rglob("*") if file.is_file()} == before
    assert bool(storage.truncated) == unlink_needs_space
    assert content_of(path) == BEFORE


def test_hard_linked_segment_is_not_truncated_on_a_full_disk(bench: FaultBench, tmp_path: Path) -> None:
    path = bench.copy()
    storage = FullStorage(LocalStorage(str(path)), 1000, unlink_needs_space=True)
    linked = tmp_path / "elsewhere"
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        repository.put(numbered_id(50), b"x" * 100)
        newest = max(path.glob("data/*/*"), key=lambda file: int(file.name))
        linked.hardlink_to(newest)
        content = linked.read_bytes()
        with pytest.raises(OSError, match="No space left"):
            _change(repository)
    assert linked.read_bytes()[: len(content)] == content
    assert content_of(path) == BEFORE


def test_commit_is_refused_and_undone_when_space_is_short(bench: FaultBench) -> None:
    path = bench.copy()
    before = {file for file in path.rglob("*") if file.is_file()}

    class ShortStorage(LocalStorage):
        def free_space(self) -> int:
            return 4 * 41258 + 4096

    with Repository(str(path), exclusive=True, storage=ShortStorage(str(path))) as repository:
        _change(repository)
        with pytest.raises(InsufficientFreeSpace):
            repository.commit()
    assert {file for file in path.rglob("*") if file.is_file()} == before
    assert content_of(path) == BEFORE


def test_transaction_that_was_interrupted_halfway_cannot_be_committed(bench: FaultBench) -> None:
    path = bench.copy()
    # The 4th change is the write of the PUT that follows creation, magic and DELETE.
    storage = FaultyStorage(LocalStorage(str(path)), 4, errno.EIO)
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        with pytest.raises(OSError, match="Input/output"):
            _change(repository)
        assert storage.failed == "file.write"
        with pytest.raises(Exception, match="interrupted"):
            repository.commit()
        repository.put(numbered_id(5), b"five")
        repository.commit()
    assert content_of(path) == BEFORE | {numbered_id(5): b"five"}


WRITER = """
import sys
from vinculum.repository.repository import Repository
with Repository(sys.argv[1], exclusive=True) as repository:
    for number in range(1000):
        repository.put(number.to_bytes(32, "big"), bytes(100))
    print("written", flush=True)
    sys.stdin.readline()
"""


def test_repository_of_a_killed_writer_is_usable_at_once(bench: FaultBench) -> None:
    path = bench.copy()
    source = Path(__file__).parents[2] / "src"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(source)},
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        with pytest.raises(LockTimeout):
            Repository(str(path), lock_wait=0).__enter__()
        writer.kill()
    assert (path / "lock.exclusive").exists()
    assert content_of(path) == BEFORE
    with Repository(str(path), exclusive=True, lock_wait=0) as repository:
        repository.put(numbered_id(77), b"next")
        repository.commit()
    assert content_of(path) == BEFORE | {numbered_id(77): b"next"}
