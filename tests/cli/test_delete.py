"""`delete` interrupted at any point: the repository is as after its last commit, and nothing has to be repaired."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.archives import list_archives
from support.programs import PROJECT, Completed, Program, client_environment
from support.trees import random_content

NAMES = ["one", "three", "two"]
INTERRUPTED = """
import os, signal, sys
from vinculum.cli.main import main
from vinculum.operations.delete import Deletion
from vinculum.cache.directory import Cache
from vinculum.repository.repository import Repository
kind, name, when, number = {place!r}
kind = globals()[kind]
original, calls = getattr(kind, name), 0
def patched(*args, **settings):
    global calls
    calls += 1
    if calls == 2 and when == "before":
        os.kill(os.getpid(), number)
    result = original(*args, **settings)
    if calls == 2 and when == "after":
        os.kill(os.getpid(), number)
    return result
setattr(kind, name, patched)
sys.argv[0] = "borg"
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def repository(vinculum: Program, workplace: Path) -> Path:
    """Three archives that share a file."""
    repository = workplace / "repository"
    vinculum.run("init", "-e", "repokey", repository)
    (workplace / "tree").mkdir()
    (workplace / "tree/shared").write_bytes(random_content("shared", 200_000))
    for name in NAMES:
        (workplace / "tree/own").write_bytes(random_content(name, 20_000))
        vinculum.run("create", f"{repository}::{name}", "tree")
    return repository


def run_interrupted(program: Program, home: Path, place: tuple[str, str, str, int], *args: str) -> Completed:
    call = [sys.executable, "-c", INTERRUPTED.format(place=place)]
    environment = {**client_environment(home), "PYTHONPATH": str(PROJECT / "src")}
    return Program("interrupted", call, environment, program.cwd).run(*args, code=None)


def test_ctrl_c_finishes_the_archive_and_saves(
    vinculum: Program, borg145: Program, repository: Path, client_home: Path
) -> None:
    options = ["delete", "--list", "--stats", "-a", "*", str(repository)]
    done = run_interrupted(vinculum, client_home, ("Deletion", "delete", "before", 2), *options)
    assert done.code == 2
    assert done.err.splitlines()[-1] == "Error: Got Ctrl-C / SIGINT."
    assert [line.split()[2] for line in done.err.splitlines()[:-1]] == ["one", "three"]
    assert list_archives(vinculum, repository) == ["two"]
    assert "ynchroniz" not in borg145.run("info", "--info", repository).err
    borg145.run("check", "--verify-data", repository)


@pytest.mark.parametrize(
    ("place", "left"),
    [
        (("Deletion", "delete", "before", 9), NAMES),
        (("Deletion", "delete", "after", 9), NAMES),
        (("Repository", "delete_many", "after", 9), NAMES),
        (("Deletion", "delete", "after", 15), NAMES),
    ],
)
def test_killed_before_the_commit_nothing_is_gone(
    place: tuple[str, str, str, int], left: list[str], vinculum: Program, borg145: Program, repository: Path, client_home: Path
) -> None:
    done = run_interrupted(vinculum, client_home, place, "delete", str(repository), *NAMES)
    assert done.code == (-9 if place[3] == 9 else 128 + 15)
    assert list_archives(borg145, repository) == left
    borg145.run("check", "--verify-data", repository)
    vinculum.run("delete", repository, *NAMES)
    assert list_archives(borg145, repository) == []


def test_killed_between_the_commits_the_cache_is_rebuilt(
    vinculum: Program, borg145: Program, repository: Path, client_home: Path
) -> None:
    # With an interval in the past, each archive is saved by itself.
    options = ["delete", "-c", "-1", str(repository), "one", "two"]
    done = run_interrupted(vinculum, client_home, ("Cache", "commit", "before", 9), *options)
    assert done.code == -9
    assert list_archives(borg145, repository) == ["three"]
    vinculum.run("create", f"{repository}::new", "tree")
    borg145.run("check", "--verify-data", repository)
    assert list_archives(borg145, repository) == ["three", "new"]
