"""Whenever a commit of the cache is interrupted, the next session finds the old state or the new one, never a mixture."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from support.client_state import ClientState, SomeManifest, golden_state
from support.crash import crash_at
from vinculum._native import ChunkIndex
from vinculum.cache import transaction
from vinculum.cache.directory import FilesCacheSettings
from vinculum.repository.locking import break_lock

FILES = FilesCacheSettings("cis")
ADDED = b"\xab" * 32
NEW = SomeManifest(b"\xcd" * 32, "2030-01-01T00:00:00.000000")


def commit_something_new(state: ClientState) -> None:
    with state.cache(FILES) as cache:
        cache.chunks.add(ADDED, 1, 100, 50)
        cache.commit(NEW)


def found(state: ClientState) -> str:
    """Which of the two states the cache is in; fails if it is anything else."""
    with state.cache(FILES) as cache:
        is_new = ADDED in cache.chunks
        assert cache.is_synchronised(NEW) == is_new
        assert cache.is_synchronised(state.manifest) == (not is_new)
        assert len(cache.chunks) == 10 + is_new
    assert state.sink.warnings == []
    return "new" if is_new else "old"


def test_commit_is_atomic_wherever_the_process_dies(tmp_path: Path) -> None:
    outcomes = []
    for number in count():
        state = golden_state(tmp_path / str(number))
        with crash_at(number) as crash:
            commit_something_new(state)
        break_lock(str(state.cache_path))
        outcomes.append(found(state))
        assert not [name for name in state.contents() if name.startswith("txn.")]
        if not crash.happened:
            break
    assert set(crash.calls) >= {"open", "writev", "copy_file_range", "rename", "mkdir", "rmdir", "unlink"}
    assert outcomes == sorted(outcomes, reverse=True), "old up to some point, new from there on"
    assert set(outcomes) == {"old", "new"}


def test_recovery_itself_can_be_interrupted_anywhere(tmp_path: Path) -> None:
    deaths = 0
    for number in count():
        state = golden_state(tmp_path / str(number))
        directory = str(state.cache_path)
        transaction.begin(directory, ["config", "chunks", "files"])
        (state.cache_path / "chunks").write_bytes(b"half of it")
        (state.cache_path / "config").unlink()
        with crash_at(number) as crash:
            transaction.recover(directory)
        deaths += crash.happened
        assert found(state) == "old"
        if not crash.happened:
            break
    assert deaths > 10


def test_begin_keeps_the_content_of_files_that_exist(tmp_path: Path) -> None:
    (tmp_path / "chunks").write_bytes(b"before")
    transaction.begin(str(tmp_path), ["chunks", "files.new"])
    assert sorted(path.name for path in (tmp_path / "txn.active").iterdir()) == ["chunks"]
    (tmp_path / "chunks").write_bytes(b"after!")
    assert (tmp_path / "txn.active" / "chunks").read_bytes() == b"before", "a copy, not a link"
    assert transaction.recover(str(tmp_path))
    assert (tmp_path / "chunks").read_bytes() == b"before"
    assert not transaction.recover(str(tmp_path))


def test_end_makes_the_change_final(tmp_path: Path) -> None:
    (tmp_path / "chunks").write_bytes(b"before")
    transaction.begin(str(tmp_path), ["chunks"])
    (tmp_path / "chunks").write_bytes(b"after")
    transaction.end(str(tmp_path))
    assert not transaction.recover(str(tmp_path))
    assert (tmp_path / "chunks").read_bytes() == b"after"


def test_copies_without_help_of_the_kernel_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "chunks").write_bytes(content)

    def refuse(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.copy_file_range", refuse)
    transaction.begin(str(tmp_path), ["chunks"])
    assert (tmp_path / "txn.active" / "chunks").read_bytes() == content


def test_unfinished_transaction_of_another_program_is_dropped(tmp_path: Path) -> None:
    state = golden_state(tmp_path)
    leftover = state.cache_path / "txn.tmp"
    leftover.mkdir()
    (leftover / "chunks").write_bytes(b"half of it")
    assert found(state) == "old"
    assert not leftover.exists()


def test_commit_after_a_failed_commit_starts_from_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = golden_state(tmp_path)
    with state.cache(FILES) as cache:
        cache.chunks.add(ADDED, 1, 100, 50)
        with monkeypatch.context() as patch:

            def fail(*_: object) -> ChunkIndex:
                raise OSError(28, "No space left on device")

            patch.setattr("vinculum.cache.config.write_atomically", fail)
            with pytest.raises(OSError, match="No space left"):
                cache.commit(NEW)
        assert (state.cache_path / "txn.active").is_dir()
        cache.commit(NEW)
    assert found(state) == "new"
