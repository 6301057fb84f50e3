"""Opening repositories: what is missing, wrong or of another kind is refused, without leaving a lock."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.filled_repositories import change_config, content_of, fill, numbered_id
from support.store_oracle import files_of
from vinculum.errors import (
    AtticRepository,
    CheckNeeded,
    InvalidRepository,
    InvalidRepositoryConfig,
    RepositoryDoesNotExist,
)
from vinculum.repository.repository import Repository


def test_missing_repository(tmp_path: Path) -> None:
    with pytest.raises(RepositoryDoesNotExist):
        Repository(str(tmp_path / "repo")).__enter__()


def test_directory_without_config_is_no_repository_and_gets_no_lock(tmp_path: Path) -> None:
    with pytest.raises(InvalidRepository):
        Repository(str(tmp_path)).__enter__()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ("version = 1", ""),
        ("[repository]", "[cache]"),
        ("[repository]", ""),
        ("version", "\xff"),
    ],
)
def test_config_of_something_else_is_refused(path: Path, old: str, new: str) -> None:
    (path / "config").write_bytes((path / "config").read_text().replace(old, new).encode("latin-1"))
    with pytest.raises(InvalidRepository):
        Repository(str(path)).__enter__()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("segments_per_dir = 1000", "segments_per_dir = many"),
        ("segments_per_dir = 1000", "segments_per_dir = 0"),
        ("segments_per_dir = 1000\n", ""),
        ("max_segment_size = 524288000", "max_segment_size = big"),
        ("max_segment_size = 524288000", "max_segment_size = 4273995776"),
        ("append_only = 0", "append_only = maybe"),
        ("storage_quota = 0", "storage_quota = -1"),
        ("additional_free_space = 0", "additional_free_space = x"),
        ("id = ", "id = 00"),
        ("id = ", "id = g"),
        ("id = ", "di = "),
    ],
)
def test_wrong_config_values_are_refused_without_leaving_a_lock(path: Path, old: str, new: str) -> None:
    change_config(path, old, new)
    with pytest.raises(InvalidRepositoryConfig, match=str(path)):
        Repository(str(path), exclusive=True).__enter__()
    assert sorted(os.listdir(path)) == ["README", "config", "data"]


def test_sizes_in_the_config_may_have_suffixes_and_optional_keys_may_be_missing(path: Path) -> None:
    change_config(path, "max_segment_size = 524288000", "max_segment_size = 1.5M")
    change_config(path, "append_only = 0\nstorage_quota = 0\nadditional_free_space = 0\n", "")
    with Repository(str(path)) as repository:
        assert repository.config.max_segment_size == 1_500_000
        assert not repository.append_only


def test_attic_repository_is_refused(path: Path) -> None:
    (path / "data/0").mkdir()
    (path / "data/0/0").write_bytes(b"ATTICSEG")
    with pytest.raises(AtticRepository):
        Repository(str(path)).__enter__()
    assert not (path / "lock.exclusive").exists()
    open_files = [os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    assert not [file for file in open_files if file.startswith(str(path))]


def test_index_without_any_commit_needs_a_check(path: Path) -> None:
    fill(path, 1)
    for file in path.glob("data/0/*"):
        file.unlink()
    with Repository(str(path)) as repository, pytest.raises(CheckNeeded):
        len(repository)


def test_segments_without_any_commit_are_not_overwritten(path: Path) -> None:
    with Repository(str(path), exclusive=True) as repository:
        repository.put(numbered_id(1), b"never committed")
    before = files_of(path)
    with Repository(str(path), exclusive=True) as repository, pytest.raises(CheckNeeded):
        repository.put(numbered_id(2), b"two")
    assert files_of(path) == before


def test_committed_segment_is_told_from_one_with_a_commit_in_the_middle(path: Path) -> None:
    fill(path, 1)
    fill(path, 2)
    last = path / "data/0/3"
    commit = last.read_bytes()[-9:]
    put = (path / "data/0/2").read_bytes()[8:]
    for content, committed in [
        (b"BORG_SEG" + commit, True),
        (b"BORG_SEG" + commit + commit, True),
        (b"BORG_SEG" + put + commit, True),
        (b"BORG_SEG" + commit + put + commit, False),
        (b"BORG_SEG" + commit + put, False),
        (b"BORG_SEG" + put[:-1] + b"?" + commit, False),
        (b"BORG_SEG" + put[:-1] + commit, False),
        (b"BORG_SEG", False),
        (b"BORG_", False),
        (b"", False),
        (b"BORGXSEG" + commit, False),
        (b"BORG_SEG" + commit + b"garbage", False),
    ]:
        for file in path.glob("*.*"):
            file.unlink()
        last.write_bytes(content)
        assert (numbered_id(2) in content_of(path)) == committed, content
