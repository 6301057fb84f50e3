"""`extract --continue`: a restore that was interrupted goes on, and what it finished is not written again."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from pathlib import Path

import pytest

from support.compare import assert_restored
from support.programs import Program
from support.trees import build_every_kind, build_plain, random_content, set_mtime

LARGE_BYTES = 20 << 20  # more than is restored at a time


def identities(top: Path) -> dict[Path, tuple[int, int]]:
    """When anything but directories was written last, and which inode it is."""
    found = {path: path.lstat() for path in top.rglob("*")}
    return {path: (one.st_ino, one.st_mtime_ns) for path, one in found.items() if not stat.S_ISDIR(one.st_mode)}


def archive(vinculum: Program, workplace: Path) -> str:
    repository = workplace / "repository"
    vinculum.run("init", "--encryption", "repokey-blake2", repository)
    vinculum.run("create", f"{repository}::a", "tree", code=None)
    return f"{repository}::a"


@pytest.fixture
def target(workplace: Path) -> Path:
    into = workplace / "target"
    into.mkdir()
    return into


def test_what_is_finished_is_left_alone(vinculum: Program, workplace: Path, target: Path) -> None:
    build_every_kind(workplace / "tree", big_bytes=LARGE_BYTES)
    name = archive(vinculum, workplace)
    vinculum.inside(target).run("extract", "--sparse", name)
    before = identities(target)
    done = vinculum.inside(target).run("extract", "--continue", "--list", name)
    assert identities(target) == before
    listed = [path for path in done.stderr.split(b"\n") if b"?" not in path]  # stands for what cannot be shown
    wrong = [path for path in listed if not os.path.isdir(os.path.join(os.fsencode(target), path))]
    assert not wrong
    assert_restored(workplace / "tree", target / "tree")


def test_an_interrupted_restore_goes_on(vinculum: Program, workplace: Path, target: Path) -> None:
    tree = workplace / "tree"
    build_plain(tree / ("long" * 20), files=5000, size_bytes=100)
    (tree / "large").write_bytes(random_content("large", LARGE_BYTES))
    (tree / "link").hardlink_to(tree / "large")
    name = archive(vinculum, workplace)
    # Nobody reads what it lists, so it cannot get to the end.
    process = vinculum.inside(target).start("extract", "--list", name)
    assert process.stderr is not None
    for _ in range(300):  # of which at most 102 are directories
        assert process.stderr.readline()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    finished = {path: one for path, one in identities(target).items() if one[1] == _time_in(tree, target, path)}
    assert 0 < len(finished) < 5002
    vinculum.inside(target).run("extract", "--continue", name)
    assert_restored(tree, target / "tree")
    after = identities(target)
    assert {path: after[path] for path in finished} == finished


def _time_in(tree: Path, target: Path, path: Path) -> int:
    return (tree / path.relative_to(target / "tree")).lstat().st_mtime_ns


def test_what_differs_is_written_again(vinculum: Program, workplace: Path, target: Path) -> None:
    tree = workplace / "tree"
    build_plain(tree, files=8, per_directory=4)
    (tree / "one").write_bytes(b"linked")
    (tree / "two").hardlink_to(tree / "one")
    (tree / "symlink").symlink_to("one")
    os.mkfifo(tree / "fifo")
    name = archive(vinculum, workplace)
    vinculum.inside(target).run("extract", name)
    restored = target / "tree"
    files = sorted((restored / "directory-0000").iterdir())
    time_ns = files[0].stat().st_mtime_ns
    files[0].write_bytes(b"longer than it was, at the same time" * 200)
    set_mtime(os.fsencode(files[0]), time_ns)
    set_mtime(os.fsencode(files[1]), time_ns + 1)
    files[2].unlink()
    files[3].unlink()
    files[3].mkdir()
    (restored / "two").unlink()
    shutil.copy2(restored / "one", restored / "two")
    (restored / "symlink").unlink()
    (restored / "symlink").symlink_to("elsewhere")
    (restored / "fifo").unlink()
    (restored / "fifo").write_bytes(b"")
    # Everything is where this link leads to, but not here.
    (restored / "directory-0001").rename(workplace / "elsewhere")
    (restored / "directory-0001").symlink_to(workplace / "elsewhere")
    untouched = identities(workplace / "elsewhere")
    vinculum.inside(target).run("extract", "--continue", name)
    assert_restored(tree, restored)
    assert identities(workplace / "elsewhere") == untouched


def test_dry_run_lists_what_is_left_to_do(vinculum: Program, workplace: Path, target: Path) -> None:
    build_plain(workplace / "tree", files=4)
    name = archive(vinculum, workplace)
    vinculum.inside(target).run("extract", name)
    (target / "tree" / "directory-0000" / "file-000002").unlink()
    done = vinculum.inside(target).run("extract", "--continue", "--dry-run", "--list", name)
    assert [line for line in done.err.splitlines() if "file" in line] == ["tree/directory-0000/file-000002"]
    refused = vinculum.run("extract", "--continue", "--stdout", name, code=2)
    assert "--stdout" in refused.err
