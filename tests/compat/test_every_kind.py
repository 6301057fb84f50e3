"""The tree with every kind of file, big files and holes included, through vinculum and through real Borg."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.archives import dump, extract
from support.compare import Tree, assert_restored, snapshot
from support.programs import Program
from support.trees import build_every_kind

DIRECTIONS = ["vinculum -> vinculum", "vinculum -> borg", "borg -> vinculum"]


@pytest.fixture(params=DIRECTIONS)
def writer_and_reader(request: pytest.FixtureRequest, vinculum: Program, real: Program) -> tuple[Program, Program]:
    """Who writes and who reads."""
    writer, reader = (vinculum if side == "vinculum" else real for side in request.param.split(" -> "))
    return writer, reader


@pytest.fixture
def original(workplace: Path) -> Tree:
    """The tree, in `workplace`/tree."""
    build_every_kind(workplace / "tree")
    return snapshot(workplace / "tree")


def test_everything_comes_back(writer_and_reader: tuple[Program, Program], original: Tree, workplace: Path) -> None:
    writer, reader = writer_and_reader
    repository = workplace / "repository"
    writer.run("init", "--encryption", "repokey-blake2", repository)
    writer.run("create", f"{repository}::archive", "tree")
    restored = extract(reader, repository, "archive", workplace / "restored")
    assert_restored(original, restored / "tree")


def test_holes_come_back_if_asked_for(writer_and_reader: tuple[Program, Program], original: Tree, workplace: Path) -> None:
    writer, reader = writer_and_reader
    repository = workplace / "repository"
    writer.run("init", "--encryption", "none", repository)
    writer.run("create", "--sparse", "--chunker-params", "fixed,4096", f"{repository}::archive", "tree/sparse")
    restored = extract(reader, repository, "archive", workplace / "restored", "--sparse")
    assert original.entries[b"sparse/holes between"].extents == ((0, 8192), (1 << 20, (1 << 20) + 4096)), "no holes to restore"
    assert_restored(workplace / "tree" / "sparse", restored / "tree" / "sparse", holes=True)


def test_both_record_the_same_items(vinculum: Program, borg145: Program, original: Tree, workplace: Path) -> None:
    repository = workplace / "repository"
    borg145.run("init", "--encryption", "none", repository)
    borg145.run("create", f"{repository}::theirs", "tree")
    vinculum.run("create", f"{repository}::ours", "tree")
    theirs, ours = dump(borg145, repository, "theirs"), dump(borg145, repository, "ours")
    assert len(theirs["_items"]) == len(original.entries) - 1  # the socket stays behind
    assert [item["path"] for item in ours["_items"]] == [item["path"] for item in theirs["_items"]]
    for our_item, their_item in zip(ours["_items"], theirs["_items"], strict=True):
        assert our_item == their_item
    volatile = {"name", "time", "time_end", "cmdline", "tam"}
    assert {key: value for key, value in ours["_meta"].items() if key not in volatile} == {
        key: value for key, value in theirs["_meta"].items() if key not in volatile
    }
