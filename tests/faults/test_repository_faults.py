"""Whatever fails during a transaction: the repository is found as its last commit left it, and the next transaction works."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from support.batches import objects_of, sealed
from support.faulty_storage import FaultyStorage, FullStorage, Killed, PowerCutStorage, RecordingStorage
from vinculum.errors import InsufficientFreeSpace, LockTimeout
from vinculum.repository.repository import Repository
from vinculum.repository.storage import LocalStorage
from vinculum.repository.store import MANIFEST_KEY

Objects = dict[bytes, bytes]
SMALL_SEGMENTS = {"max_segment_size = 524288000": "max_segment_size = 300", "segments_per_dir = 1000": "segments_per_dir = 2"}
BATCH = sealed([b"batch %d" % number * 10 for number in range(12)])


def _id(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def _change(repository: Repository) -> Objects:
    """A transaction with every kind of change; returns what the repository holds if it is committed."""
    repository.put(_id(1), b"one, changed")
    repository.delete(_id(2))
    repository.put_many(BATCH)
    repository.put(_id(9), b"nine" * 30)
    repository.put(MANIFEST_KEY, b"second manifest")
    return {_id(0): b"zero", _id(1): b"one, changed", _id(9): b"nine" * 30, MANIFEST_KEY: b"second manifest"} | objects_of(
        BATCH
    )


BEFORE: Objects = {_id(0): b"zero", _id(1): b"one", _id(2): b"two" * 50, MANIFEST_KEY: b"first manifest"}


def _content(path: Path) -> Objects:
    with Repository(str(path)) as repository:
        return {id: bytes(repository.get(id)) for id in repository.list()}


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


@pytest.fixture
def repo_copy(prepared: Path, tmp_path: Path) -> Callable[[], Path]:
    def copy() -> Path:
        path = tmp_path / "repo"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(prepared, path)
        return path

    return copy


def _try_to_change(path: Path, storage: FaultyStorage) -> Objects | None:
    """Runs the transaction on a storage that may fail; None if it did before the commit returned."""
    repository = Repository(str(path), exclusive=True, storage=storage)
    after = None
    try:
        with repository:
            after = _change(repository)
            repository.commit()
    except (Killed, OSError):
        return None
    return after


def _break_lock(path: Path) -> None:
    # A killed process leaves its lock behind; here it is our own one, which is never stale.
    shutil.rmtree(path / "lock.exclusive", ignore_errors=True)
    (path / "lock.roster").unlink(missing_ok=True)


@pytest.mark.parametrize("fault", [None, errno.EIO, errno.ENOSPC], ids=["killed", "EIO", "ENOSPC"])
def test_failure_at_any_call_leaves_the_last_commit(repo_copy: Callable[[], Path], fault: int | None) -> None:
    path = repo_copy()
    counter = FaultyStorage(LocalStorage(str(path)), -1, fault)
    after = _try_to_change(path, counter)
    assert after is not None
    assert _content(path) == after
    assert counter.count > 30

    struck = set()
    outcomes = set()
    for fail_at in range(counter.count):
        path = repo_copy()
        storage = FaultyStorage(LocalStorage(str(path)), fail_at, fault)
        _try_to_change(path, storage)
        struck.add(storage.failed)
        _break_lock(path)
        found = _content(path)
        assert found in (BEFORE, after), f"neither the old nor the new state after {storage.failed} {fail_at}"
        outcomes.add(found == after)
        with Repository(str(path), exclusive=True) as repository:
            repository.put(_id(77), b"next")
            repository.commit()
        assert _content(path) == found | {_id(77): b"next"}
        assert not [file.name for file in path.iterdir() if file.name.endswith(".tmp") and file.name.startswith("config")]
    assert struck >= {"create", "file.write", "file.sync", "file.close", "sync_directory", "make_directory", "write", "rename"}
    assert outcomes == {False, True}


def test_each_segment_is_finished_before_the_next_is_created(repo_copy: Callable[[], Path]) -> None:
    path = repo_copy()
    storage = RecordingStorage(LocalStorage(str(path)))
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        _change(repository)
        repository.commit()
    calls = [call for call in storage.calls if call[0] in ("create", "file.sync", "file.close", "sync_directory")]
    # Making a directory takes a create in vain and a sync of `data`; neither finishes anything.
    calls = [call for at, call in enumerate(calls) if call != ("sync_directory", "data") and calls[at + 1 :][:1] != DATA_SYNC]
    created = [at for at, (name, _) in enumerate(calls) if name == "create"]
    assert len(created) == len(list(path.glob("data/*/*"))) - 3
    for at, following in pairwise([*created, created[-1] + 4]):
        directory = str(Path(calls[at][1]).parent)
        assert calls[at + 1 : following] == [("file.sync", None), ("file.close", None), ("sync_directory", directory)]


DATA_SYNC = [("sync_directory", "data")]


def test_index_files_come_into_place_digests_first(repo_copy: Callable[[], Path]) -> None:
    path = repo_copy()
    storage = RecordingStorage(LocalStorage(str(path)))
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        _change(repository)
        repository.commit()
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
    assert {name for call, name in calls[-3:]} == {"hints.2", "index.2", "integrity.2"}


@pytest.mark.parametrize("seed", range(3))
def test_power_cut_at_any_call_leaves_the_last_commit_and_never_loses_a_finished_one(
    repo_copy: Callable[[], Path], seed: int
) -> None:
    random = Random(seed)
    outcomes = set()
    fail_at = 0
    while True:
        path = repo_copy()
        disk = PowerCutStorage(path)
        storage = FaultyStorage(disk, fail_at, None)
        after: Objects | None = None
        try:
            # Leftovers of an earlier attempt, with the segment numbers that will be used again.
            with Repository(str(path), exclusive=True) as repository:
                repository.put_many(BATCH)
            with Repository(str(path), exclusive=True, storage=storage) as repository:
                after = _change(repository)
                repository.commit()
                committed = True
        except Killed:
            committed = False
        disk.cut(lambda: random.random() < 0.7)
        _break_lock(path)
        found = _content(path)
        assert found == after if committed else found in (BEFORE, after), f"{storage.failed} {fail_at}"
        outcomes.add((committed, found == after))
        with Repository(str(path), exclusive=True) as repository:
            repository.put(_id(77), b"next")
            repository.commit()
        assert _content(path) == found | {_id(77): b"next"}
        if not storage.failed:
            break
        fail_at += 1
    assert fail_at > 30
    assert outcomes == {(False, False), (False, True), (True, True)}


@pytest.mark.parametrize("unlink_needs_space", [False, True])
def test_full_disk_gets_its_space_back_at_once(repo_copy: Callable[[], Path], unlink_needs_space: bool) -> None:
    path = repo_copy()
    before = {file for file in path.rglob("*") if file.is_file()}
    storage = FullStorage(LocalStorage(str(path)), 1000, unlink_needs_space=unlink_needs_space)
    with pytest.raises(OSError, match="No space left"), Repository(str(path), exclusive=True, storage=storage) as repository:
        _change(repository)
    assert {file for file in path.rglob("*") if file.is_file()} == before
    assert bool(storage.truncated) == unlink_needs_space
    assert _content(path) == BEFORE


def test_hard_linked_segment_is_not_truncated_on_a_full_disk(repo_copy: Callable[[], Path], tmp_path: Path) -> None:
    path = repo_copy()
    storage = FullStorage(LocalStorage(str(path)), 1000, unlink_needs_space=True)
    linked = tmp_path / "elsewhere"
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        repository.put(_id(50), b"x" * 100)
        newest = max(path.glob("data/*/*"), key=lambda file: int(file.name))
        linked.hardlink_to(newest)
        content = linked.read_bytes()
        with pytest.raises(OSError, match="No space left"):
            _change(repository)
    assert linked.read_bytes()[: len(content)] == content
    assert _content(path) == BEFORE


def test_commit_is_refused_and_undone_when_space_is_short(repo_copy: Callable[[], Path]) -> None:
    path = repo_copy()
    before = {file for file in path.rglob("*") if file.is_file()}

    class ShortStorage(LocalStorage):
        def free_space(self) -> int:
            return 4 * 41258 + 4096

    with Repository(str(path), exclusive=True, storage=ShortStorage(str(path))) as repository:
        _change(repository)
        with pytest.raises(InsufficientFreeSpace):
            repository.commit()
    assert {file for file in path.rglob("*") if file.is_file()} == before
    assert _content(path) == BEFORE


def test_transaction_that_was_interrupted_halfway_cannot_be_committed(repo_copy: Callable[[], Path]) -> None:
    path = repo_copy()
    # The 4th change is the write of the PUT that follows creation, magic and DELETE.
    storage = FaultyStorage(LocalStorage(str(path)), 4, errno.EIO)
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        with pytest.raises(OSError, match="Input/output"):
            _change(repository)
        assert storage.failed == "file.write"
        with pytest.raises(Exception, match="interrupted"):
            repository.commit()
        repository.put(_id(5), b"five")
        repository.commit()
    assert _content(path) == BEFORE | {_id(5): b"five"}


WRITER = """
import sys
from vinculum.repository.repository import Repository
with Repository(sys.argv[1], exclusive=True) as repository:
    for number in range(1000):
        repository.put(number.to_bytes(32, "big"), bytes(100))
    print("written", flush=True)
    sys.stdin.readline()
"""


def test_repository_of_a_killed_writer_is_usable_at_once(repo_copy: Callable[[], Path]) -> None:
    path = repo_copy()
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
    assert _content(path) == BEFORE
    with Repository(str(path), exclusive=True, lock_wait=0) as repository:
        repository.put(_id(77), b"next")
        repository.commit()
    assert _content(path) == BEFORE | {_id(77): b"next"}
