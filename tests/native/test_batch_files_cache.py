"""The file batch and the files cache: what is unchanged is not read again; Borg's cache is understood, and ours equals it."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from support.archives import borg_stream
from support.file_batches import CHUNKER, Backup, settle
from support.programs import Program
from support.trees import SECOND_NS, build_plain, random_content
from vinculum import _native


def test_unchanged_files_are_not_read_again(workplace: Path) -> None:
    for name in ("kept", "touched", "gone"):
        (workplace / name).write_bytes(name.encode() * 100)
    os.setxattr(workplace / "kept", "user.x", b"1")
    settle(workplace)
    backup = Backup()
    first = backup.run(workplace)
    assert set(first.status.values()) == {"d", "A"}
    backup.forget()
    (workplace / "touched").write_bytes(b"other")
    (workplace / "new").write_bytes(b"n")
    (workplace / "gone").unlink()
    second = backup.run(workplace)
    status = {name.decode(): letter for name, letter in second.status.items()}
    assert status == {workplace.name: "d", "kept": "U", "touched": "M", "new": "A", "the newest": "A"}
    assert sorted(second.stored.sizes()) == [1, 5]
    kept = sha256(b"kept" * 100).digest()
    assert backup.references()[kept] == 2
    items = {item[b"path"].rpartition(b"/")[2]: item for item in second.items}
    assert items[b"kept"] == next(item for item in first.items if item[b"path"].endswith(b"/kept"))


def test_a_file_whose_chunks_are_gone_is_read_again(workplace: Path) -> None:
    content = random_content("x", 50_000)
    (workplace / "file").write_bytes(content)
    settle(workplace)
    backup = Backup()
    backup.run(workplace)
    backup.forget()
    lost = sha256(content[: CHUNKER.cut(content)[0]]).digest()
    backup.chunks.remove_references(lost)
    before = backup.references()
    second = backup.run(workplace)
    assert second.status[b"file"] == "M"
    assert second.stored.ids() == lost
    assert backup.references() == {id_: count + 1 for id_, count in before.items()} | {lost: 1}


@pytest.mark.parametrize("mode", ["cr", "d"])
def test_modes_that_do_not_consult_the_cache_read_everything(mode: str, workplace: Path) -> None:
    (workplace / "file").write_bytes(b"content")
    settle(workplace)
    backup = Backup()
    backup.run(workplace)
    saved = backup.files.save()
    backup.files, backup.links = _native.FilesCache(mode, 20), _native.HardLinks()
    backup.files.load(saved)
    assert backup.run(workplace).status[b"file"] == "A"


@pytest.mark.parametrize("start", [".", "relative", "../place", "absolute"])
def test_real_borgs_files_cache_is_understood(start: str, borg145: Program, workplace: Path, client_home: Path) -> None:
    """Paths are hashed as Borg does, whatever way they were given."""
    place, repository = workplace / "place", workplace / "repository"
    (place / "relative").mkdir(parents=True)
    (place / "relative" / "file").write_bytes(b"x" * 100)
    (place / "relative" / "link").hardlink_to(place / "relative" / "file")
    (place / "relative" / "empty").touch()
    os.utime(place / "relative" / "empty", ns=(0, 5 * SECOND_NS))
    settle(place / "relative")
    root = os.fsencode(place) if start == "absolute" else start.encode()
    borg145.run("init", "--encryption", "none", repository)
    borg145.inside(place).run("create", f"{repository}::a", root)
    theirs = borg_stream(borg145, repository, "a", workplace / "items")
    backup = Backup()
    backup.chunks.count_items(_native.ItemStream(), theirs)
    (cache,) = client_home.glob(".cache/borg/*/files")
    backup.files.load(cache.read_bytes())
    previous = Path.cwd()
    os.chdir(place)
    try:
        outcome = backup.run(root, chunker=_native.Chunker(("buzhash", 19, 23, 21, 4095), 0))
    finally:
        os.chdir(previous)
    assert sorted(letter for letter in outcome.status.values() if letter != "d") == ["A", "U", "U", "h"]
    assert outcome.status[b"the newest"] == "A"


def test_our_files_cache_equals_real_borgs(borg145: Program, workplace: Path, client_home: Path) -> None:
    tree, repository = workplace / "tree", workplace / "repository"
    build_plain(tree, files=40, size_bytes=100_000)
    settle(tree)
    borg145.run("init", "--encryption", "none", repository)
    borg145.run("create", f"{repository}::a", tree)
    (cache,) = client_home.glob(".cache/borg/*/files")
    backup = Backup()
    backup.run(tree, chunker=_native.Chunker(("buzhash", 19, 23, 21, 4095), 0))
    assert bytes(memoryview(backup.files.save())) == cache.read_bytes()
