"""Whatever stops a compaction, nothing is lost: the same objects are found, by us and by Borg, and compacting again works."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from random import Random

import pytest

from support.fault_bench import FaultBench, leftovers
from support.faulty_storage import CommitWatch, FullStorage, RecordingStorage
from support.filled_repositories import Objects, content_of, numbered_id, put_in_transactions, small_content
from support.programs import Program
from support.store_oracle import CONFIG, StoreOracle, files_of, run_ours
from vinculum.errors import InsufficientFreeSpace
from vinculum.operations.compact import compact_repository
from vinculum.repository.repository import Repository
from vinculum.repository.segments import COMMIT, DELETE, Segments
from vinculum.repository.storage import LocalStorage
from vinculum.repository.store import MANIFEST_KEY

PER_DIRECTORY = 2
DERIVED = ("index", "hints", "integrity")

OBJECTS: Objects = {numbered_id(number): small_content(number) for number in range(0, 12, 2)} | {MANIFEST_KEY: b"third"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sparse segments: of twelve objects every other one was deleted, some were replaced, all in several transactions."""
    path = tmp_path_factory.mktemp("prepared") / "repo"
    Repository.create(str(path))
    (path / "config").write_text(CONFIG.format(segments_per_dir=PER_DIRECTORY, max_segment_size=300))
    put_in_transactions(path, (b"first", range(6)), (b"second", range(4, 12)))
    with Repository(str(path), exclusive=True) as repository:
        for number in range(1, 12, 2):
            repository.delete(numbered_id(number))
        repository.put(MANIFEST_KEY, b"third")
        repository.commit()
    return path


def _work(repository: Repository) -> None:
    compact_repository(repository, 0)


def _compact(path: Path) -> None:
    with Repository(str(path), exclusive=True) as repository:
        _work(repository)


@pytest.mark.parametrize("fault", [None, errno.EIO, errno.ENOSPC], ids=["killed", "EIO", "ENOSPC"])
def test_failure_at_any_call_loses_nothing(bench: FaultBench, fault: int | None) -> None:
    struck = []
    # A kill is the hardest case; for errors every other call has to do, tests take time.
    for strike in bench.strikes(_work, fault, every=1 if fault is None else 2):
        struck.append(strike.call)
        path = strike.path
        if fault == errno.ENOSPC and strike.call != "remove_directory":
            assert leftovers(path) == [], "leftovers keep a full disk full"
        assert content_of(path) == OBJECTS, str(strike)
        _compact(path)
        assert content_of(path) == OBJECTS, f"compacted {strike}"
        for kind in DERIVED:
            for derived in path.glob(f"{kind}.*"):
                derived.unlink()
        assert content_of(path) == OBJECTS, f"replayed {strike}"
    assert len(struck) > 30
    assert {*struck} >= {"create", "file.write", "file.sync", "file.close", "sync_directory", "delete", "write", "rename"}


@pytest.mark.parametrize("seed", range(2))
def test_power_cut_at_any_call_loses_nothing(bench: FaultBench, seed: int) -> None:
    random = Random(seed)
    for strike in bench.power_cuts(_work, lambda: random.random() < 0.7, every=2):
        assert content_of(strike.path) == OBJECTS, str(strike)
        _compact(strike.path)
        assert content_of(strike.path) == OBJECTS, f"compacted {strike}"


def test_nothing_is_committed_before_it_is_durable(bench: FaultBench) -> None:
    path = bench.copy()
    watch = CommitWatch(LocalStorage(str(path)))
    assert bench.attempt(_work, path, watch)
    assert watch.commits_at_once >= 2
    assert watch.commits_after_entries >= 1


def test_both_borgs_are_content_with_what_a_kill_left(bench: FaultBench, borg145: Program, borg124: Program) -> None:
    unsafe = {"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
    for number, strike in enumerate(bench.strikes(_work, None, every=9)):
        program = (borg145, borg124)[number % 2]
        program.run("check", "--repository-only", strike.path, **unsafe)
        assert content_of(strike.path) == OBJECTS, f"checked {strike}"


def test_borg_and_we_go_on_alike_after_a_killed_compaction(bench: FaultBench, borg145_python: Path) -> None:
    session = [("delete", numbered_id(2)), ("put", numbered_id(7), b"again"), ("compact", bytes([10])), ("list",)]
    with StoreOracle(borg145_python) as borg:
        for strike in bench.strikes(_work, None, every=3):
            ours = strike.path
            theirs = ours.with_name("theirs")
            shutil.rmtree(theirs, ignore_errors=True)
            shutil.copytree(ours, theirs)
            assert run_ours(ours, "", [session]) == borg.run(theirs, "", [session])
            assert files_of(ours) == files_of(theirs), str(strike)


def test_no_segment_is_deleted_before_a_commit_made_its_copies_durable(bench: FaultBench) -> None:
    path = bench.copy()
    storage = RecordingStorage(LocalStorage(str(path)))
    assert bench.attempt(_work, path, storage)
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


def test_a_delete_stays_until_what_it_deleted_is_certainly_gone(bench: FaultBench) -> None:
    """Disks may forget one removal and keep a later one: then a PUT would be back without the DELETE that was to follow it."""
    path = bench.copy()
    segments = Segments(LocalStorage(str(path)), PER_DIRECTORY)
    with_deletes = {segments.name(number) for number in segments.numbers() if DELETE in segments.scan(number).tags()}
    segments.close()
    storage = RecordingStorage(LocalStorage(str(path)))
    assert bench.attempt(_work, path, storage)
    uncertain, removed = set(), 0
    for call, name in storage.calls:
        if call == "delete" and name.startswith("data/"):
            assert not uncertain or name not in with_deletes, f"{name} is removed, {uncertain} may come back"
            uncertain.add(str(Path(name).parent))
            removed += name in with_deletes
        elif call == "sync_directory":
            uncertain.discard(name)
    assert removed > 1


def test_transfers_end_in_the_segments_they_fill(bench: FaultBench) -> None:
    path = bench.copy()
    _compact(path)
    segments = Segments(LocalStorage(str(path)), PER_DIRECTORY)
    tags = {number: segments.scan(number).tags() for number in segments.numbers()}
    segments.close()
    assert not [entries for entries in tags.values() if COMMIT in entries[:-1]]
    assert [entries for entries in tags.values() if len(entries) > 1 and entries[-1] == COMMIT]


@pytest.mark.parametrize("unlink_needs_space", [False, True])
def test_disk_that_fills_up_keeps_what_was_freed(bench: FaultBench, unlink_needs_space: bool) -> None:
    path = bench.copy()
    before = sum(file.stat().st_size for file in path.glob("data/*/*"))
    # Room for the transaction and the first transfers only.
    storage = FullStorage(LocalStorage(str(path)), 1000, unlink_needs_space=unlink_needs_space)
    assert not bench.attempt(_work, path, storage)
    after = sum(file.stat().st_size for file in path.glob("data/*/*"))
    assert after < before
    assert content_of(path) == OBJECTS
    _compact(path)
    assert sum(file.stat().st_size for file in path.glob("data/*/*")) < after
    assert content_of(path) == OBJECTS


def test_compaction_is_refused_without_harm_when_space_is_short(bench: FaultBench) -> None:
    path = bench.copy()
    before = files_of(path)

    class ShortStorage(LocalStorage):
        def free_space(self) -> int:
            return 4096

    with pytest.raises(InsufficientFreeSpace):
        bench.attempt(_work, path, ShortStorage(str(path)))
    assert files_of(path) == before


def test_damaged_segment_stops_compaction_and_is_kept(bench: FaultBench) -> None:
    path = bench.copy()
    victim = path / "data/0/0"
    content = bytearray(victim.read_bytes())
    content[60] ^= 1
    victim.write_bytes(content)
    with pytest.raises(Exception, match="segment 0"):
        _compact(path)
    assert victim.read_bytes() == content
    with Repository(str(path)) as repository:
        assert sorted(repository.list()) == sorted(OBJECTS)


def test_append_only_repository_is_committed_but_not_compacted(bench: FaultBench) -> None:
    path = bench.copy()
    before = {name: content for name, content in files_of(path).items() if name.startswith("data/")}
    with Repository(str(path), exclusive=True, append_only=True) as repository:
        compact_repository(repository, 0, cleanup_commits=True)
    assert before.items() <= files_of(path).items()
    assert (path / "transactions").read_text().count("\n") == 1


def test_empty_segment_is_removed_and_no_longer_listed(bench: FaultBench) -> None:
    path = bench.copy()
    _compact(path)
    with Repository(str(path), exclusive=True) as repository:
        repository.put(MANIFEST_KEY, b"third")
        repository.commit()
    # The DELETE of the manifest is alone in its segment, and its work is done.
    victim = min((file for file in path.glob("data/*/*") if file.stat().st_size == 49), key=lambda file: int(file.name))
    victim.write_bytes(b"")
    _compact(path)
    assert not victim.exists()
    assert content_of(path) == OBJECTS
