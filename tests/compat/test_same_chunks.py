"""The same tree makes the same chunks: of the files' content, and of the item stream, whoever archives it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.archives import content_ids, dump, item_stream_ids
from support.programs import Program, client_environment
from support.trees import build_every_kind, build_plain

CHUNKERS = ["default", "buzhash,10,23,16,4095", "buzhash,15,17,16,1023", "fixed,65536", "fixed,4096,100"]


@pytest.fixture
def tree(workplace: Path) -> Path:
    """Every kind of file, and enough plain ones for an item stream of many chunks."""
    build_every_kind(workplace / "tree")
    build_plain(workplace / "tree" / "plain", files=5000, size_bytes=100)
    return workplace / "tree"


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("chunker", CHUNKERS)
def test_ids_are_the_same_in_one_repository(chunker: str, vinculum: Program, borg145: Program, workplace: Path) -> None:
    repository = workplace / "repository"
    options = ["--chunker-params", chunker, "--compression", "none"]
    borg145.run("init", "--encryption", "repokey", repository)
    borg145.run("create", *options, f"{repository}::theirs", "tree")
    vinculum.run("create", *options, "--files-cache", "disabled", f"{repository}::ours", "tree")
    theirs, ours = dump(borg145, repository, "theirs"), dump(borg145, repository, "ours")
    assert content_ids(ours) == content_ids(theirs)
    # How many there are depends on the key's random seed: more than one, since the stream is longer than a chunk may be.
    assert len(item_stream_ids(theirs)) > 1
    assert item_stream_ids(ours) == item_stream_ids(theirs)


@pytest.mark.usefixtures("tree")
def test_ids_are_the_same_in_twin_repositories(vinculum: Program, borg145: Program, workplace: Path, tmp_path: Path) -> None:
    """Nobody can lean on what the other has stored: two clients, two copies of one empty repository."""
    theirs_in, ours_in = workplace / "theirs", workplace / "ours"
    borg145.run("init", "--encryption", "repokey-blake2", theirs_in)
    shutil.copytree(theirs_in, ours_in)
    other_home = tmp_path / "other home"
    other_home.mkdir()
    elsewhere = client_environment(other_home)
    borg145.run("create", "--compression", "none", f"{theirs_in}::archive", "tree")
    vinculum.run("create", "--compression", "none", f"{ours_in}::archive", "tree", **elsewhere)
    theirs = dump(borg145, theirs_in, "archive")
    ours = dump(borg145.with_environment(**elsewhere), ours_in, "archive")
    assert content_ids(ours) == content_ids(theirs)
    assert item_stream_ids(ours) == item_stream_ids(theirs)
