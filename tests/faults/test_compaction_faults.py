"""Whatever stops a compaction, nothing is lost: the same objects are found, by us and by Borg, and compacting again works."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from support.faulty_storage import FaultyStorage, FullStorage, Killed, PowerCutStorage, RecordingStorage
from support.store_oracle import CONFIG, StoreOracle, files_of, run_ours
from vinculum.errors import InsufficientFreeSpace
from vinculum.operations.compact import compact_repository
from vinculum.repository.repository import Repository
from vinculum.repository.segments import COMMIT, Segments
from vinculum.repository.storage import LocalStorage, Storage
from vinculum.repository.store import MANIFEST_KEY

Objects = dict[bytes, bytes]
PER_DIRECTORY = 2


def _id(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


OBJECTS: Objects = {_id(number): b"%d" % number * 90 for number in range(0, 12, 2)} | {MANIFEST_KEY: b"third"}


def _content(path: Path) -> Objects:
    with Repository(str(path)) as repository:
        return {id: bytes(repository.get(id)) for id in repository.list()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sparse segments: of twelve objects every other one was deleted, some were replaced, all in several transactions."""
    path = tmp_path_factory.mktemp("prepared") / "repo"
    Repository.create(str(path))
    (path / "config").write_text(CONFIG.format(segments_per_dir=PER_DIRECTORY, max_segment_size=300))
    for manifest, numbers in ((b"first", range(6)), (b"second", range(4, 12))):
        with Repository(str(path), exclusive=True) as repository:
            for number in numbers:
                repository.put(_id(number), b"%d" % number * 90)
            repository.put(MANIFEST_KEY, manifest)
            repository.commit()
    with Repository(str(path), exclusive=True) as repository:
        for number in range(1, 12, 2):
            repository.delete(_id(number))
        repository.put(MANIFEST_KEY, b"third")
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


def _compact(path: Path, storage: Storage | None = None) -> None:
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        compact_repository(repository, 0)


def _try_to_compact(path: Path, storage: Storage) -> bool:
    try:
        _compact(path, storage)
    except (Killed, OSError):
        return False
    finally:
        # A killed process leaves its lock behind; here it is our own one, which is never stale.
        shutil.rmtree(path / "lock.exclusive", ignore_errors=True)
        (path / "lock.roster").unlink(missing_ok=True)
    return True


def _calls(path: Path) -> int:
    counter = FaultyStorage(LocalStorage(str(path)), -1, None)
    _compact(path, counter)
    return counter.count


@pytest.mark.parametrize("fault", [None, errno.EIO, errno.ENOSPC], ids=["killed", "EIO", "ENOSPC"])
def test_failure_at_any_call_loses_nothing(repo_copy: Callable[[], Path], fault: int | None) -> None:
    count = _calls(repo_copy())
    assert count > 60
    struck = set()
    # A kill is the hardest case; for errors every other call has to do, tests take time.
    for fail_at in range(0, count, 1 if fault is None else 2):
        path = repo_copy()
        storage = FaultyStorage(LocalStorage(str(path)), fail_at, fault)
        _try_to_compact(path, storage)
        struck.add(storage.failed)
        segments = Segments(LocalStorage(str(path)), PER_DIRECTORY)
        if fault == errno.ENOSPC and storage.failed != "remove_directory":
            assert segments.find_last() == segments.find_last_committed(), "leftovers keep a full disk full"
        segments.close()
        assert _content(path) == OBJECTS, f"after {storage.failed} {fail_at}"
        _compact(path)
        assert _content(path) == OBJECTS, f"compacted after {storage.failed} {fail_at}"
        for derived in [*path.glob("index.*"), *path.glob("hints.*"), *path.glob("integrity.*")]:
            derived.unlink()
        assert _content(path) == OBJECTS, f"replayed after {storage.failed} {fail_at}"
    assert struck >= {"create", "file.write", "file.sync", "file.close", "sync_directory", "delete", "write", "rename"}


def test_power_cut_at_every_other_call_loses_nothing(repo_copy: Callable[[], Path]) -> None:
    random = Random(1)
    for fail_at in range(0, _calls(repo_copy()), 2):
        path = repo_copy()
        disk = PowerCutStorage(path)
        _try_to_compact(path, FaultyStorage(disk, fail_at, None))
        disk.cut(lambda: random.random() < 0.7)
        assert _content(path) == OBJECTS, str(fail_at)
        _compact(path)
        assert _content(path) == OBJECTS, f"compacted after {fail_at}"


def test_borg_and_we_go_on_alike_after_a_killed_compaction(repo_copy: Callable[[], Path], borg145_python: Path) -> None:
    session = [("delete", _id(2)), ("put", _id(7), b"again"), ("compact", bytes([10])), ("list",)]
    with StoreOracle(borg145_python) as borg:
        for fail_at in range(0, _calls(repo_copy()), 3):
            ours = repo_copy()
            _try_to_compact(ours, FaultyStorage(LocalStorage(str(ours)), fail_at, None))
            theirs = ours.with_name("theirs")
            shutil.rmtree(theirs, ignore_errors=True)
            shutil.copytree(ours, theirs)
            assert run_ours(ours, "", [session]) == borg.run(theirs, "", [session])
            assert files_of(ours) == files_of(theirs), str(fail_at)


def test_no_segment_is_deleted_before_a_commit_made_its_copies_durable(repo_copy: Callable[[], Path]) -> None:
    path = repo_copy()
    storage = RecordingStorage(LocalStorage(str(path)))
    _compact(path, storage)
    at = {call: number for number, call in enumerate(storage.calls)}
    deleted = [name for call, name in storage.calls if call == "delete" and name.startswith("data/")]
    assert len(deleted) > 10
    finished = -1
    for number, (call, name) in enumerate(storage.calls):
        if call == "sync_directory":
            finished = number
        elif call == "create":
            finished = -1
        elif call == "delete" and name.startswith("data/"):
            assert 0 <= finished < number, f"{name} is deleted while a segment is open"
    # And all deletions are on the disk before the index says that they happened.
    (index,) = path.glob("index.*")
    last_deletion = max(at[("delete", name)] for name in deleted)
    assert last_deletion < at[("sync_directory", "data")] < at[("write", f"{index.name}.tmp")]


def test_transfers_end_in_the_segments_they_fill(repo_copy: Callable[[], Path]) -> None:
    path = repo_copy()
    _compact(path)
    segments = Segments(LocalStorage(str(path)), PER_DIRECTORY)
    tags = {number: segments.scan(number).tags() for number in segments.numbers()}
    segments.close()
    assert not [entries for entries in tags.values() if COMMIT in entries[:-1]]
    assert [entries for entries in tags.values() if len(entries) > 1 and entries[-1] == COMMIT]


@pytest.mark.parametrize("unlink_needs_space", [False, True])
def test_disk_that_fills_up_keeps_what_was_freed(repo_copy: Callable[[], Path], unlink_needs_space: bool) -> None:
    path = repo_copy()
    before = sum(file.stat().st_size for file in path.glob("data/*/*"))
    # Room for the transaction and the first transfers only.
    storage = FullStorage(LocalStorage(str(path)), 1000, unlink_needs_space=unlink_needs_space)
    assert not _try_to_compact(path, storage)
    after = sum(file.stat().st_size for file in path.glob("data/*/*"))
    assert after < before
    assert _content(path) == OBJECTS
    _compact(path)
    assert sum(file.stat().st_size for file in path.glob("data/*/*")) < after
    assert _content(path) == OBJECTS


def test_compaction_is_refused_without_harm_when_space_is_short(repo_copy: Callable[[], Path]) -> None:
    path = repo_copy()
    before = files_of(path)

    class ShortStorage(LocalStorage):
        def free_space(self) -> int:
            return 4096

    with pytest.raises(InsufficientFreeSpace):
        _compact(path, ShortStorage(str(path)))
    assert files_of(path) == before


def test_damaged_segment_stops_compaction_and_is_kept(repo_copy: Callable[[], Path]) -> None:
    path = repo_copy()
    victim = path / "data/0/0"
    content = bytearray(victim.read_bytes())
    content[60] ^= 1
    victim.write_bytes(content)
    with pytest.raises(Exception, match="segment 0"):
        _compact(path)
    assert victim.read_bytes() == content
    with Repository(str(path)) as repository:
        assert sorted(repository.list()) == sorted(OBJECTS)


def test_append_only_repository_is_committed_but_not_compacted(repo_copy: Callable[[], Path]) -> None:
    path = repo_copy()
    before = {name: content for name, content in files_of(path).items() if name.startswith("data/")}
    with Repository(str(path), exclusive=True, append_only=True) as repository:
        compact_repository(repository, 0, cleanup_commits=True)
    assert before.items() <= files_of(path).items()
    assert (path / "transactions").read_text().count("\n") == 1


def test_empty_segment_is_removed_and_no_longer_listed(repo_copy: Callable[[], Path]) -> None:
    path = repo_copy()
    _compact(path)
    with Repository(str(path), exclusive=True) as repository:
        repository.put(MANIFEST_KEY, b"third")
        repository.commit()
    # The DELETE of the manifest is alone in its segment, and its work is done.
    victim = min((file for file in path.glob("data/*/*") if file.stat().st_size == 49), key=lambda file: int(file.name))
    victim.write_bytes(b"")
    _compact(path)
    assert not victim.exists()
    assert _content(path) == OBJECTS
