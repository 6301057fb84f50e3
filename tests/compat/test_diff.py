"""`diff` prints what Borg 1.4.5 prints: random changes of a tree, every kind of file, hard links, different chunkers."""

from __future__ import annotations

import os
import random
import shutil
import stat
from itertools import pairwise
from pathlib import Path

import pytest

from support.programs import Completed, Program
from support.trees import random_content, set_mtime, write_files
from support.twins import Twins

pytestmark = pytest.mark.can_be_far

KINDS = ("file", "file", "file", "empty", "big", "directory", "symlink", "fifo", "device", "hard link", "hard link")
NAMES = ("a", "b", "ä", "c c", "\udcff", "%s", "d.o", "e", "f", "zz")
OWNERS = (0, 1, 2, 54321)
ORDERS = (
    "path",
    ">path",
    "size_added,path",
    ">size_removed",
    "size_diff",
    ">size,<path",
    "user, group",
    ">uid,gid",
    "mtime_diff,>path",
    "ctime_diff",
    ">mtime",
    "ctime",
)


def all_paths(top: Path) -> list[Path]:
    return sorted(top.rglob("*"))


def make_something(chance: random.Random, top: Path) -> None:
    """One more thing of a random kind, somewhere in the tree."""
    parent = chance.choice([top, *(path for path in all_paths(top) if path.is_dir() and not path.is_symlink())])
    path = parent / chance.choice(NAMES)
    if os.path.lexists(path):
        return
    kind = chance.choice(KINDS)
    if kind == "hard link":
        others = [other for other in all_paths(top) if not other.is_dir() and not other.is_symlink()]
        if others:
            os.link(chance.choice(others), path, follow_symlinks=False)
    elif kind == "directory":
        path.mkdir()
    elif kind == "symlink":
        path.symlink_to(chance.choice(NAMES))
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        os.mknod(path, chance.choice((stat.S_IFCHR, stat.S_IFBLK)) | 0o600, os.makedev(1, chance.randint(1, 9)))
    else:
        size = {"file": chance.randint(1, 3000), "empty": 0, "big": 300_000}[kind]
        path.write_bytes(random_content(chance.randint(0, 20), size))


def change_something(chance: random.Random, top: Path) -> None:
    """Changes, removes, renames or replaces one thing, or makes one more."""
    paths = all_paths(top)
    path = chance.choice(paths) if paths else top
    choice = chance.randrange(9)
    if choice == 0 and paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
            if chance.randrange(2):
                make_something(chance, top)
    elif choice == 1 and path.is_file() and not path.is_symlink():
        content = bytearray(path.read_bytes())
        place = chance.randint(0, len(content))
        content[place : place + chance.randint(0, 50)] = random_content(chance.randint(0, 9), chance.randint(1, 50))
        path.write_bytes(content)
    elif choice == 2 and paths:
        os.chown(path, chance.choice(OWNERS), chance.choice(OWNERS), follow_symlinks=False)
    elif choice == 3 and paths and not path.is_symlink():
        path.chmod(chance.choice((0o600, 0o644, 0o755, 0o4755)))
    elif choice == 4 and paths:
        set_mtime(os.fsencode(path), chance.choice((0, 1, 1_500_000_000_123_456_789, 1_600_000_000 * 10**9, 2**40 * 10**6)))
    elif choice == 5 and paths and not os.path.lexists(target := path.with_name(chance.choice(NAMES))):
        path.rename(target)
    else:
        make_something(chance, top)


def same_diff(
    twins: Twins, *args: str, code: int | None = None, only: str = "code stdout stderr", **environment: str
) -> Completed:
    return twins.same("diff", *args, code=code, only=only, exact=True, **environment)


@pytest.mark.parametrize("seed", range(3))
def test_random_changes(twins: Twins, tmp_path: Path, seed: int) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    twins.cwd = tree
    chance = random.Random(f"diff {seed}")
    for _ in range(25):
        make_something(chance, tree)
    chunkers = ["10,14,12,4095", "10,14,12,4095", "11,13,12,63", "fixed,4096"]
    for number, chunker in enumerate(chunkers):
        shape = ["--noctime"] if number == 3 and seed % 2 else ["--chunker-params", chunker]
        owners = ["--numeric-ids"] if chance.randrange(3) == 0 else []
        for name in ("theirs", "ours"):
            assert twins.run(name, "create", *shape, *owners, f"REPO::{number}", ".").code == 0
        for _ in range(chance.choice((3, 10, 20))):
            change_something(chance, tree)
    orders = [order for order in ORDERS if "user" not in order]  # Borg fails where an item has an owner without a name
    for old, new in [*pairwise("0123"), *pairwise("3210"), ("0", "0"), ("0", "3")]:
        same_diff(twins, f"REPO::{old}", new)
        same_diff(twins, "--json-lines", f"REPO::{old}", new)
        same_diff(twins, "--content-only", "--same-chunker-params", "--sort-by=path", f"REPO::{old}", new)
        same_diff(twins, "--numeric-ids", "--iec", "--sort-by", chance.choice(orders), f"REPO::{old}", new)
    for choice in ("a", "re:[a-e]", "pf:b", "sh:*/a", "missing", "pf:missing"):
        same_diff(twins, "REPO::0", "1", choice)
        same_diff(twins, "REPO::0", "2", "--exclude", choice, "--json-lines", "--content-only")
    same_diff(twins, "REPO::1", "0", "--pattern", "+ a", "--pattern", "- re:.")


def test_every_order(twins: Twins, workplace: Path) -> None:
    for number in range(2):
        for place in range(8):
            (workplace / f"{(place * 3 + number) % 10}").write_bytes(
                random_content((place, number // (place % 3 + 1)), place * 999)
            )
            os.chown(workplace / f"{(place * 3 + number) % 10}", place % 3, (place + number) % 2)
            set_mtime(b"%s/%d" % (os.fsencode(workplace), (place * 3 + number) % 10), place * (number + 7) % 5 * 10**9)
        for name in ("theirs", "ours"):
            assert twins.run(name, "create", f"REPO::{number}", ".").code == 0
    for order in ORDERS:
        same_diff(twins, "--sort-by", order, "REPO::0", "1", code=0)


def test_hard_links_whose_first_link_is_elsewhere(twins: Twins, workplace: Path) -> None:
    write_files(workplace, {"a": b"a" * 3000, "m": b"m" * 500, "z/z": b"z"})
    for number in range(3):
        os.link(workplace / "m", workplace / f"link-{number}")
        os.link(workplace / "z/z", workplace / f"z/link-{number}")
    twins.same("create", "REPO::1", "m", "z", "link-0", "link-1", "a", code=0)
    (workplace / "m").write_bytes(b"other")
    (workplace / "link-0").unlink()
    (workplace / "link-0").write_bytes(b"on its own")
    twins.same("create", "REPO::2", "link-2", "z/link-1", "z", "m", "link-0", "link-1", code=0)
    twins.same("create", "REPO::3", "link-1", "link-0", "m", code=0)
    for old, new in ("12", "21", "13", "32"):
        for choice in ([], ["-e", "m"], ["-e", "link-2"], ["link-1", "m"], ["link-1", "z/link-2"], ["-e", "*/link-1"]):
            same_diff(twins, f"REPO::{old}", new, *choice)
        same_diff(twins, "--json-lines", "--content-only", f"REPO::{old}", new)


def test_the_same_content_cut_differently(twins: Twins, workplace: Path) -> None:
    content = random_content("cut", 400_000)
    write_files(workplace, {"same": content, "changed": content, "longer": content, "small": b"x"})
    for path in workplace.iterdir():
        set_mtime(bytes(path), 10**18)
    twins.same("create", "--noctime", "--chunker-params", "10,16,14,4095", "REPO::1", ".", code=0)
    write_files(workplace, {"changed": content[:-1] + b"!", "longer": content + b"!", "small": b"y"})
    for path in workplace.iterdir():
        set_mtime(bytes(path), 10**18)
    twins.same("create", "--noctime", "--chunker-params", "fixed,5000", "REPO::2", ".", code=0)
    told = same_diff(twins, "--sort-by", "path", "REPO::1", "2", code=0)
    assert [line.split()[-1] for line in told.out.splitlines() if "mtime" not in line] == ["changed", "longer", "small"]
    assert "will be slow" in told.err
    same_diff(twins, "--json-lines", "REPO::2", "1", code=0)
    same_diff(twins, "--same-chunker-params", "REPO::2", "1", code=0)


def test_part_files(vinculum: Program, borg145: Program, workplace: Path) -> None:
    repository = workplace / "repository"
    borg145.run("init", "--encryption", "none", repository)
    options = ["--checkpoint-interval", "1", "--content-from-command", "--chunker-params", "fixed,65536"]
    for number in "12":
        source = f"for i in 1 2; do head -c 1{number}0000 /dev/urandom; sleep 1.2; done"
        vinculum.run("create", *options, f"{repository}::{number}", "--", "sh", "-c", source)
    for choice in ([], ["--consider-part-files"], ["--consider-part-files", "--json-lines"]):
        told = vinculum.run("diff", *choice, f"{repository}::1", "2").out
        assert told == borg145.run("diff", *choice, f"{repository}::1", "2").out
        assert ("part_1" in told) is bool(choice)


def test_what_cannot_be_compared(twins: Twins, workplace: Path) -> None:
    write_files(workplace, {"a": b"a"})
    twins.same("create", "REPO::1", ".", code=0)
    for words in ("REPO::1 2", "REPO::2 1", "REPO::2 3"):
        for modern in ({}, {"BORG_EXIT_CODES": "modern"}):
            same_diff(twins, *words.split(), only="code stdout", **modern)
    for words in ("REPO 1", "REPO::1", "REPO::1 a/b", "REPO::1 1 --sort-by=mode", "REPO::1 1 --sort-by=,"):
        same_diff(twins, *words.split(), code=2, only="code stdout")
    same_diff(twins, "REPO::1", "1", "--sort-by", "path", "--sort-by", "size", code=2, only="code stdout")
    same_diff(twins, "REPO::1", "1", "nothing", code=101, BORG_EXIT_CODES="modern")
    same_diff(twins, "REPO::1", "1", "--bypass-lock", code=0)


def test_old_options(twins: Twins, workplace: Path) -> None:
    for number in range(2):
        for name in ("b", "a", "c"):
            write_files(workplace, {f"{name}{number}": b"x"})
        twins.same("create", f"REPO::{number}", ".", code=0)
    told = same_diff(twins, "--sort", "--numeric-owner", "REPO::0", "1", code=0).out
    assert [line.split()[-1] for line in told.splitlines() if "added" in line] == ["a1", "b1", "c1"]
