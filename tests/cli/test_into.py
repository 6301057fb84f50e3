"""`extract --into`: a directory becomes what the archive says, and users see beforehand what would happen."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.compare import assert_restored, snapshot
from support.inode_flags import release
from support.programs import Program
from support.trees import build_every_kind, build_plain, random_content


@pytest.fixture
def tree(workplace: Path) -> Path:
    """Something to archive."""
    build_plain(workplace / "tree", files=6, per_directory=3)
    return workplace / "tree"


@pytest.fixture
def archive(vinculum: Program, tree: Path) -> str:
    repository = tree.parent / "repository"
    vinculum.run("init", "--encryption", "repokey-blake2", repository)
    vinculum.run("create", f"{repository}::a", "tree")
    return f"{repository}::a"


def test_every_kind_of_file_is_recognised(vinculum: Program, workplace: Path) -> None:
    """What was restored is as archived, whatever it is; and so is what comes of a mixture."""
    build_every_kind(workplace / "tree", big_bytes=1 << 20)
    repository, target = workplace / "repository", workplace / "target"
    vinculum.run("init", "--encryption", "repokey", repository)
    vinculum.run("create", f"{repository}::a", "tree", code=None)
    target.mkdir()
    command = ("extract", "--into", "target", "--delete", "--list", "--stats")
    vinculum.run(*command, f"{repository}::a")
    assert_restored(workplace / "tree", target / "tree")
    done = vinculum.run(*command, f"{repository}::a")
    assert [line for line in done.err.splitlines() if line[:2] in {"A ", "M ", "D "}] == []
    assert "Written: 0 files, 0 B" in done.err
    release(target)
    shutil.rmtree(target / "tree" / "links and nodes")
    shutil.move(target / "tree" / "names", target / "surplus")
    vinculum.run(*command, f"{repository}::a")
    assert_restored(workplace / "tree", target / "tree")
    assert os.listdir(target) == ["tree"]


def test_each_step_is_listed_before_it_is_taken(vinculum: Program, archive: str, tree: Path) -> None:
    first, second = sorted(tree.iterdir())
    missing, changed = sorted(first.iterdir())[:2]
    original = snapshot(tree)
    missing.unlink()
    changed.write_bytes(b"changed")
    (second / "new").mkdir()
    (second / "new" / "file").write_bytes(b"")
    (second / "new" / "link").symlink_to(tree)
    before = snapshot(tree)
    command = ("extract", "--into", "tree", "--strip-components", "1", "--delete", "--list", archive)
    promised = vinculum.run(*command, "--dry-run").err.splitlines()
    assert snapshot(tree) == before
    directory = second.name
    assert sorted(promised) == sorted(
        [
            f"A {first.name}/{missing.name}",
            f"M {first.name}/{changed.name}",
            f"D {directory}/new/file",
            f"D {directory}/new/link",
            f"D {directory}/new",
        ]
    )
    assert sorted(vinculum.run(*command).err.splitlines()) == sorted(promised)
    assert_restored(original, tree, ignoring=["mtime_ns"])
    assert not vinculum.run(*command).err


def test_nothing_outside_is_changed(vinculum: Program, archive: str, tree: Path) -> None:
    elsewhere, directory = tree.parent / "elsewhere", min(tree.iterdir())
    directory.rename(elsewhere)
    directory.symlink_to(elsewhere)
    (elsewhere / "more").write_bytes(b"")
    name = min(elsewhere.iterdir()).name
    (elsewhere / name).write_bytes(b"other content")
    before = snapshot(elsewhere)
    vinculum.run("extract", "--into", "tree", "--strip-components", "1", "--delete", archive)
    assert snapshot(elsewhere) == before
    assert not directory.is_symlink()
    assert (directory / name).read_bytes() != b"other content"


def test_content_is_read_where_times_say_nothing(vinculum: Program, archive: str, tree: Path) -> None:
    """Equal content under another time is kept, other content under the same time and size is not."""
    kept, changed = sorted(min(tree.iterdir()).iterdir())[:2]
    original = snapshot(tree)
    changed_ns = changed.stat().st_mtime_ns
    changed.write_bytes(bytes(byte ^ 1 for byte in changed.read_bytes()))
    os.utime(changed, ns=(changed_ns, changed_ns))
    os.utime(kept, ns=(0, 0))
    inode = kept.stat().st_ino
    command = ("extract", "--into", "tree", "--strip-components", "1", "--compare", "content", "--list", archive)
    assert vinculum.run(*command).err.splitlines() == [f"M {changed.parent.name}/{changed.name}"]
    assert_restored(original, tree, ignoring=["mtime_ns"])
    assert kept.stat().st_ino == inode
    assert kept.stat().st_mtime_ns == original.entries[os.fsencode(kept.relative_to(tree))].mtime_ns


def test_only_what_changed_of_a_large_file_is_fetched(vinculum: Program, workplace: Path) -> None:
    tree = workplace / "tree"
    tree.mkdir()
    content = random_content("large", 40 << 20)
    (tree / "large").write_bytes(content)
    repository = workplace / "repository"
    vinculum.run("init", "--encryption", "none", repository)
    vinculum.run("create", "--chunker-params", "fixed,1048576", f"{repository}::a", "tree")
    original = snapshot(tree)
    with open(tree / "large", "r+b") as file:
        file.seek(5 << 20)
        file.write(b"changed")
    # Everything but what is needed is lost: only the sixth block may be asked for.
    needed = content[5 << 20 : 6 << 20]
    lost = 0
    for segment in (repository / "data" / "0").iterdir():
        stored = segment.read_bytes()
        for start in range(0, len(content), 1 << 20):
            at = stored.find(content[start : start + 64])
            if at >= 0 and not needed.startswith(content[start : start + 64]):
                stored = stored[: at + 100] + b"damaged" + stored[at + 107 :]
                lost += 1
        segment.write_bytes(stored)
    assert lost == 39
    vinculum.run("extract", "--into", ".", f"{repository}::a")
    assert_restored(original, tree)


def test_another_file_system_is_left_alone(
    vinculum: Program, archive: str, small_place: Callable[[str], Path], tree: Path
) -> None:
    mounted = small_place("1M")
    (mounted / "file").write_bytes(b"")
    target = mounted.parent / "target"
    (target / "below").mkdir(parents=True)
    subprocess.run(["mount", "--bind", mounted, target / "below"], check=True)
    try:
        done = vinculum.run("extract", "--into", target, "--delete", archive, code=1)
    finally:
        subprocess.run(["umount", target / "below"], check=True)
    assert "another file system" in done.err
    assert (mounted / "file").exists()
    assert_restored(tree, target / "tree")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--delete"], "--into"),
        (["--stats"], "--into"),
        (["--into", "tree", "--stdout"], "--stdout"),
        (["--into", "missing"], "no such directory"),
        (["--into", "tree", "--delete", "--strip-components", "9"], "Nothing would be restored"),
    ],
)
def test_what_makes_no_sense_is_refused(vinculum: Program, archive: str, tree: Path, options: list[str], reason: str) -> None:
    before = snapshot(tree)
    assert reason in vinculum.run("extract", *options, archive, code=2).err
    assert snapshot(tree) == before


def test_paths_and_deleting_exclude_each_other(vinculum: Program, archive: str, tree: Path) -> None:
    before = snapshot(tree)
    for option in ("--exclude", "--pattern"):
        refused = vinculum.run("extract", "--into", "tree", "--delete", archive, option, "+ x", code=2)
        assert "patterns" in refused.err
    assert "neither with paths" in vinculum.run("extract", "--into", "tree", "--delete", archive, "tree", code=2).err
    assert snapshot(tree) == before
