"""Making repositories: they are as Borg's, never inside of others or over something else; and taking them away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.filled_repositories import content_of, fill, numbered_id
from support.store_oracle import files_of
from vinculum.errors import (
    ParentPathDoesNotExist,
    PathAlreadyExists,
    RepositoryAlreadyExists,
)
from vinculum.repository.repository import Repository


def test_new_repository_has_the_files_of_a_borg_repository(tmp_path: Path) -> None:
    path = tmp_path / "repo"
    before = os.umask(0o077)
    try:
        Repository.create(str(path), append_only=True, storage_quota=5000)
    finally:
        os.umask(before)
    files = files_of(path)
    assert files.keys() == {"README", "config"}
    assert files["README"] == b"This is a Borg Backup repository.\nSee https://borgbackup.readthedocs.io/\n"
    lines = files["config"].decode().split("\n")
    assert lines[:7] == [
        "[repository]",
        "version = 1",
        "segments_per_dir = 1000",
        "max_segment_size = 524288000",
        "append_only = 1",
        "storage_quota = 5000",
        "additional_free_space = 0",
    ]
    assert lines[8:] == ["", ""]
    assert (path / "data").is_dir()
    assert {oct(place.stat().st_mode & 0o777) for place in (path, path / "data")} == {"0o700"}
    assert {oct((path / name).stat().st_mode & 0o777) for name in files} == {"0o600"}
    with Repository(str(path)) as repository:
        assert lines[7] == f"id = {repository.id.hex()}"
        assert repository.append_only
        assert len(repository) == 0


def test_every_repository_has_an_id_of_its_own(tmp_path: Path) -> None:
    Repository.create(str(tmp_path / "a"))
    Repository.create(str(tmp_path / "b"))
    assert (tmp_path / "a/config").read_text() != (tmp_path / "b/config").read_text()


def test_empty_directory_becomes_a_repository(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    Repository.create(str(tmp_path / "repo"))
    assert content_of(tmp_path / "repo") == {}


def test_parent_directories_are_made_only_when_asked(tmp_path: Path) -> None:
    path = str(tmp_path / "a/b/repo")
    with pytest.raises(ParentPathDoesNotExist):
        Repository.create(path)
    Repository.create(path, make_parent_dirs=True)
    assert content_of(Path(path)) == {}


@pytest.mark.parametrize("place", [".", "sub", "data/sub/sub"])
def test_no_repository_in_a_repository(path: Path, place: str) -> None:
    before = files_of(path)
    with pytest.raises(RepositoryAlreadyExists, match=str(path)):
        Repository.create(str(path / place), make_parent_dirs=True)
    assert files_of(path) == before


def test_nothing_is_created_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full/thing").mkdir(parents=True)
    for name in ("file", "full"):
        with pytest.raises(PathAlreadyExists):
            Repository.create(str(tmp_path / name))


def test_destroyed_repository_is_gone(path: Path) -> None:
    fill(path, 1)
    (path / "foreign/deep").mkdir(parents=True)
    (path / "foreign/deep/file").touch()
    with Repository(str(path), exclusive=True) as repository:
        repository.put(numbered_id(2), b"in flight")
        repository.destroy()
    assert not path.exists()
