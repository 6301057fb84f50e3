"""Little space on a real file system: creating fails like Borg, and what frees space succeeds where Borg gives up."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.archives import list_archives
from support.programs import Completed, Program
from support.repositories import locks
from support.trees import random_content

ENCRYPTION = "repokey-blake2"
SMALL = 700 << 10
"""Enough for the index files, by far not for what Borg wants to see free."""


@pytest.fixture
def repository(borg145: Program, small_place: Callable[[str], Path], workplace: Path) -> Path:
    """Three archives of 4 MB each, and a tree to make another of."""
    repository = small_place("60M") / "repository"
    (workplace / "tree").mkdir()
    borg145.run("init", "--encryption", ENCRYPTION, repository)
    for number in range(1, 4):
        (workplace / "tree" / "file").write_bytes(random_content(number, 4 << 20))
        borg145.run("create", "--compression", "none", f"{repository}::{number}", "tree")
    (workplace / "tree" / "file").write_bytes(random_content(4, 4 << 20))
    return repository


def _fill(repository: Path, left: int) -> Path:
    ballast = repository.parent / "ballast"
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, _free(repository) - left)
    return ballast


def _free(repository: Path) -> int:
    status = os.statvfs(repository)
    return status.f_bavail * status.f_frsize


def _is_intact(repository: Path, borg145: Program, borg124: Program) -> None:
    assert locks(repository) == []
    for program in (borg145, borg124):
        program.run("check", "--verify-data", repository)


def _both_refuse(ours: Program, theirs: Program, *command: str | Path) -> Completed:
    done = [program.run(*command, code=None, BORG_EXIT_CODES="modern") for program in (ours, theirs)]
    assert done[0].code == done[1].code != 0, f"{done[0]}\n{done[1]}"
    assert len(done[0].err.splitlines()) == 1, done[0]
    return done[0]


@pytest.mark.parametrize("settings", ["", "additional_free_space"])
def test_space_can_be_freed_with_little_of_it(
    settings: str, vinculum: Program, borg145: Program, borg124: Program, repository: Path
) -> None:
    if settings:
        vinculum.run("config", repository, settings, "2G")
    ballast = _fill(repository, SMALL)
    refused = _both_refuse(vinculum, borg145, "create", f"{repository}::4", "tree")
    assert "space" in refused.err
    assert list_archives(vinculum, repository) == ["1", "2", "3"]
    if settings:
        borg145.run("delete", f"{repository}::1", code=2)
    free = _free(repository)
    vinculum.run("delete", f"{repository}::1")
    vinculum.run("prune", "--keep-last", "1", repository)
    vinculum.run("compact", repository)
    assert _free(repository) > free + (8 << 20)
    assert list_archives(vinculum, repository) == ["3"]
    _is_intact(repository, borg145, borg124)
    ballast.unlink()
    if settings:
        vinculum.run("config", repository, settings, "0")
    vinculum.run("create", f"{repository}::4", "tree")
    assert list_archives(borg145, repository) == ["3", "4"]


def test_a_wholly_full_disk_changes_nothing(vinculum: Program, borg145: Program, borg124: Program, repository: Path) -> None:
    commands = (["delete", f"{repository}::1"], ["prune", "--keep-last", "1", repository], ["compact", repository])
    for left in (0, 8 << 10, 60 << 10):
        ballast = _fill(repository, left)
        for command in commands:
            refused = vinculum.run(*command, code=2)
            assert len(refused.err.splitlines()) == 1, refused
            assert "space" in refused.err
        assert locks(repository) == []
        for command in commands:
            borg145.run(*command, code=2)
        ballast.unlink()
        assert list_archives(vinculum, repository) == ["1", "2", "3"]
    _is_intact(repository, borg145, borg124)


def test_space_can_be_freed_at_the_quota(vinculum: Program, borg145: Program, borg124: Program, repository: Path) -> None:
    vinculum.run("config", repository, "storage_quota", "11M")
    refused = _both_refuse(vinculum, borg145, "create", f"{repository}::4", "tree")
    assert "quota" in refused.err
    borg145.run("delete", f"{repository}::1", code=2)
    vinculum.run("delete", f"{repository}::1")
    borg145.run("compact", repository, code=2)
    vinculum.run("compact", repository)
    _is_intact(repository, borg145, borg124)
    vinculum.run("create", "--compression", "none", f"{repository}::small", "/etc/hostname")
    assert list_archives(borg145, repository) == ["2", "3", "small"]


def test_nothing_is_freed_of_an_append_only_repository(
    vinculum: Program, borg145: Program, borg124: Program, repository: Path
) -> None:
    vinculum.run("config", repository, "append_only", "1")
    segments = {path: path.read_bytes() for path in repository.glob("data/*/*")}
    _fill(repository, SMALL)
    _both_refuse(vinculum, borg145, "create", "--compression", "none", f"{repository}::4", "tree")
    vinculum.run("delete", f"{repository}::1")
    vinculum.run("compact", repository)
    assert segments.items() <= {path: path.read_bytes() for path in repository.glob("data/*/*")}.items()
    assert list_archives(borg145, repository) == ["2", "3"]
    _is_intact(repository, borg145, borg124)
