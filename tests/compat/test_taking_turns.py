"""vinculum and real Borg take turns on one repository with one cache, and neither notices that it was not alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.archives import cache_directory, chunk_references, extract, list_archives
from support.compare import assert_restored
from support.programs import Completed, Program
from support.trees import build_plain, random_content

MODES = ["none", "repokey", "keyfile-blake2", "authenticated"]
NEWEST = "tree/newest"  # the files cache never keeps the most recently changed file of a run


def statuses(created: Completed) -> dict[str, str]:
    """Path -> status letter, from what `create --list` printed."""
    return {line[2:]: line[0] for line in created.err.splitlines() if line[1:2] == " "}


def archive(program: Program, repository: Path, name: str) -> dict[str, str]:
    """Archives the tree, makes sure that the chunk index was not rebuilt for it, and returns the statuses."""
    created = program.run("create", "--list", "--info", f"{repository}::{name}", "tree")
    assert "ynchroniz" not in created.err, created
    return statuses(created)


@pytest.fixture
def tree(workplace: Path) -> Path:
    """Three hundred files, and one that changes between the turns."""
    build_plain(workplace / "tree", files=300)
    (workplace / NEWEST).write_bytes(b"0")
    return workplace / "tree"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("vinculum_begins", [True, False], ids=["vinculum begins", "borg begins"])
def test_unchanged_files_are_not_read_again(
    mode: str, vinculum_begins: bool, vinculum: Program, real: Program, tree: Path, workplace: Path, client_home: Path
) -> None:
    repository = workplace / "repository"
    turns = [vinculum, real] if vinculum_begins else [real, vinculum]
    turns[0].run("init", "--encryption", mode, repository)

    first = archive(turns[0], repository, "0")
    assert {letter for path, letter in first.items() if not Path(workplace, path).is_dir()} == {"A"}
    for number in range(1, 5):
        changed = tree / "directory-0002" / f"file-{100 + number:06}"
        changed.write_bytes(random_content(number, 5000))
        (workplace / NEWEST).write_bytes(b"%d" % number)
        seen = archive(turns[number % 2], repository, str(number))
        read = {path for path, letter in seen.items() if letter in "AM"}
        unchanged = [path for path, letter in seen.items() if letter == "U"]
        # The file that changed is one; the newest of this run and of the run before may be others.
        assert os.fspath(changed.relative_to(workplace)) in read
        assert read <= {NEWEST, os.fspath(changed.relative_to(workplace))}
        assert len(unchanged) == 301 - len(read)

    assert not any((cache_directory(client_home) / "chunks.archive.d").iterdir()), "somebody synchronised"
    for program in turns:
        assert list_archives(program, repository) == ["0", "1", "2", "3", "4"]
    assert_restored(tree, extract(turns[0], repository, "4", workplace / "restored") / "tree")
    real.run("check", "--verify-data", repository)


@pytest.mark.usefixtures("tree")
def test_references_are_counted_alike(vinculum: Program, borg145: Program, workplace: Path, client_home: Path) -> None:
    """The chunk index that grew in turns is the one that Borg builds from the repository alone."""
    repository = workplace / "repository"
    vinculum.run("init", "--encryption", "repokey", repository)
    for number in range(4):
        build_plain(workplace / "tree" / f"more-{number}", files=20, seed=number % 2)
        archive([vinculum, borg145][number % 2], repository, str(number))
    grown = chunk_references(borg145, client_home)
    shutil.rmtree(client_home / ".cache")
    borg145.run("info", repository)
    rebuilt = chunk_references(borg145, client_home)
    assert len(rebuilt) > 300
    assert grown == rebuilt


@pytest.mark.usefixtures("tree")
def test_vinculum_builds_the_cache_that_borg_builds(
    vinculum: Program, borg145: Program, workplace: Path, client_home: Path
) -> None:
    repository = workplace / "repository"
    borg145.run("init", "--encryption", "repokey", repository)
    for number in range(3):
        build_plain(workplace / "tree" / f"more-{number}", files=20, seed=number)
        archive(borg145, repository, str(number))
    expected = chunk_references(borg145, client_home)
    shutil.rmtree(client_home / ".cache")
    vinculum.run("info", repository)
    assert chunk_references(borg145, client_home) == expected
    (workplace / NEWEST).write_bytes(b"next")
    archive(borg145, repository, "next")
