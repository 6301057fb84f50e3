"""The same command line makes the same archive, exit code and output with Borg 1.4.5 and us: which files, in which order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.trees import set_mtime, write_files
from support.twins import Twins

pytestmark = pytest.mark.can_be_far

MTIME_NS = 1_600_000_000_123_456_789
CACHE_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\nmore"


@pytest.fixture(autouse=True)
def tree(workplace: Path) -> Path:
    """Small trees with what the options of create look at; both programs start above them."""
    tree = workplace / "tree"
    write_files(
        tree,
        {
            "a/one": b"1",
            "a/two": b"22" * 100,
            "a/b/three": b"three\n" * 1000,
            "a/b/.skip": b"",
            "a/cache/CACHEDIR.TAG": CACHE_TAG,
            "a/cache/x": b"x",
            "a/nocache/CACHEDIR.TAG": b"no signature",
            "c/file.o": b"o",
            "c/file.c": b"c",
            "c/d/file.o": b"o",
            "c/empty": None,
            "e/f/g/h": b"h",
            "e/f/g/i": b"i",
            "not utf-8 \udcff/\udcfe": b"u",
            "plain.patterns": b"# c\n\nP sh\n+ a/b\n- a/*\n",
            "roots.patterns": b"R a\nR  c\nP pp\n- a/b\n  - re:o$  \n",
            "mixed.patterns": b"R a\n! a/b\n+ pf:a/one\n- pf:a/two\nP fm\n- *.o\nR c\n",
            "exclude": b"# comment\n*.o\n\n  a/b/  \nre:two\npf:a/one\n",
        },
    )
    for name, target in (
        ("a/dangling", "nowhere"),
        ("a/to dir", "b"),
        ("c/to file", "file.o"),
        ("c/CACHEDIR.TAG", "../a/cache/CACHEDIR.TAG"),
    ):
        os.symlink(target, tree / name)
    os.mkfifo(tree / "c" / "fifo")
    for path in sorted(tree.rglob("*"), reverse=True):
        set_mtime(bytes(path), MTIME_NS)
    return tree


@pytest.fixture(autouse=True)
def start_in_the_tree(twins: Twins, tree: Path) -> None:
    twins.cwd = tree


ROOTS = [
    "a",
    "a/",
    "./a",
    "a/../a",
    "a c",
    "a a",
    "a a/b",
    "a/b a",
    ".",
    "..",
    "./.",
    "a/./b",
    "a/.//b",
    "a/b/./",
    "a/././b",
    "./a/./b/",
    "a/./b/three",
    "../tree/./a/b",
    "../tree/a/../.",
    "./.././tree",
    "{tree}",
    "{tree}/./a",
    "{tree}//a///b/../one",
    "/./a",
    "a/one c/file.o",
    "a/one a/one",
    "a/one/",
    "a missing c",
    "missing",
    "a/dangling",
    "a/dangling/",
    "a/to_dir",
    "a/to_dir/",
    "a/to_dir/three",
    "a/b a/to_dir/",
    "c/to_file",
    "c/fifo",
]


def test_roots(twins: Twins, tree: Path) -> None:
    for number, line in enumerate(ROOTS):
        words = [word.replace("{tree}", str(tree)).replace("_", " ") for word in line.split()]
        twins.same("create", "--dry-run", "--list", "REPO::x", *words)
        twins.same("create", "--list", f"REPO::{number}", *words)
        twins.same_archive(str(number))
        twins.same("list", f"REPO::{number}", exact=True)


EXCLUSIONS = [
    "-e=*.o",
    "-e=a/b",
    "-e=a/b/",
    "-e=pp:a/b",
    "-e=pf:a/b",
    "-e=sh:**/file.o",
    "-e=sh:*/file.o",
    "-e=re:^a/b",
    "-e=re:\\.o$",
    "-e=.",
    "-e=./a",
    "-e=a/../c",
    "-e=/a",
    "-e={tree}/a",
    "-e=not*",
    "-e=re:utf-8 .$",
    "-e=sh:not utf-8 ?/?",
    "--exclude-from=exclude",
    "--pattern=- a/b",
    "--pattern=+ a/b/three|--pattern=- a/b",
    "--pattern=+ a/b/three|--pattern=! a/b",
    "--pattern=+a/b/three|--pattern=-**",
    "--pattern=- re:^a$",
    "--pattern=+ re:three$|--pattern=- re:.",
    "--pattern=! re:b$|-e=c",
    "--pattern=- **|--exclude-from=exclude",
    "--patterns-from=plain.patterns",
    "--pattern=R c",
    "--pattern=R a/./b",
    "--pattern=R missing",
    "--patterns-from=roots.patterns",
    "--patterns-from=mixed.patterns",
    "--patterns-from=roots.patterns|--patterns-from=mixed.patterns",
]


@pytest.mark.parametrize("roots", [["a", "c", "e"], ["."], ["{tree}/./a", "c"]], ids=["names", "dot", "slashdot"])
def test_exclusions(twins: Twins, tree: Path, roots: list[str]) -> None:
    roots = [root.replace("{tree}", str(tree)) for root in roots]
    for number, line in enumerate(EXCLUSIONS):
        options = [option.replace("{tree}", str(tree)) for option in line.split("|")]
        twins.same("create", "--dry-run", "--list", *options, "REPO::x", *roots)
        twins.same("create", "--list", f"REPO::{number}", *roots, *options)
        twins.same_archive(str(number))


def test_roots_come_from_patterns_alone(twins: Twins) -> None:
    twins.same("create", "--list", "REPO::1", "--patterns-from", "mixed.patterns", code=0)
    twins.same("create", "--list", "REPO::2", "--pattern", "R a/./b", "--pattern", "R c", "--pattern", "R c/d", code=0)
    twins.same("create", "--list", "REPO::3", "--pattern", "R not*", code=1)
    for number in (1, 2, 3):
        twins.same_archive(str(number))


TAGS = [
    "--exclude-caches",
    "--exclude-if-present .skip",
    "--exclude-if-present .skip --exclude-if-present three",
    "--exclude-if-present three --exclude-if-present .skip",
    "--exclude-caches --exclude-if-present x",
    "--exclude-if-present x --exclude-if-present CACHEDIR.TAG",
    "--exclude-if-present one -e a/one",
    "--exclude-if-present b",
    "--exclude-if-present f/g",
    "--exclude-if-present f/g/h",
    "--exclude-if-present dangling",
    "--exclude-if-present fifo",
    "--exclude-if-present missing",
    "--exclude-if-present g -e e/f/g/h",
    "--exclude-if-present h -e e/f/g",
    "--exclude-if-present h --exclude-if-present i -e e/f/g/h",
    "--exclude-if-present three --pattern=-a/b",
    "--exclude-if-present three --pattern +a/b/three --pattern=-a/b",
    "--exclude-caches --pattern=-a/cache",
]


@pytest.mark.parametrize("keep", [[], ["--keep-exclude-tags"]], ids=["leave tags", "keep tags"])
def test_tagged_directories(twins: Twins, keep: list[str]) -> None:
    for number, line in enumerate(TAGS):
        options = [*line.split(), *keep]
        twins.same("create", "--dry-run", "--list", *options, "REPO::x", "./a", "e/./f")
        twins.same("create", "--list", *options, f"REPO::{number}", ".")
        twins.same_archive(str(number))


def test_a_tag_below_its_directory(twins: Twins) -> None:
    """Borg shows such a tag with a needless dot in its path."""
    twins.same("create", "--list", "--exclude-if-present", "a/b", "REPO::1", ".", code=0)
    done = twins.run("ours", "create", "--list", "--exclude-if-present", "a/b", "--keep-exclude-tags", "REPO::2", ".")
    assert done.err.splitlines() == ["A a/b/three", "A a/b/.skip", "d a/b", "x ."]


def test_a_tag_above_its_directory_keeps_nothing(twins: Twins) -> None:
    """Borg walks the tag from each directory that it tags, as long as the system lets it."""
    options = ["--exclude-if-present", "../e"]
    told = twins.same("create", "--dry-run", "--list", *options, "REPO::x", ".", code=0).err
    assert "x e\n" in told
    assert twins.run("ours", "create", "--dry-run", "--list", *options, "--keep-exclude-tags", "REPO::x", ".").err == told


def test_a_fifo_is_no_cache_tag(twins: Twins, tree: Path) -> None:
    """Borg waits for somebody to write into it."""
    (tree / "d").mkdir()
    os.mkfifo(tree / "d" / "CACHEDIR.TAG")
    done = twins.run("ours", "create", "--list", "--exclude-caches", "REPO::1", "d")
    assert done.err.splitlines() == ["f d/CACHEDIR.TAG", "d d"]


def test_what_cannot_be_read(twins: Twins, tree: Path) -> None:
    (tree / "a" / "two").chmod(0)
    (tree / "a" / "cache").chmod(0)
    (tree / "c" / "d").chmod(0o444)
    os.chmod(tree / "not utf-8 \udcff" / "\udcfe", 0)
    (tree / "e").chmod(0)
    twins.obey_modes = True
    paths = b"a\na/two\na/one\nmissing\na/cache/x\na/cache\na/one\nc/fifo\na/dangling"
    for line in (
        "--list REPO::1 . c e a/two",
        "--list --dry-run REPO::x . c e a/two",
        "REPO::2 .",
        "--list --filter E REPO::3 .",
    ):
        twins.same("create", *line.split(), code=1)
    twins.same("create", "--list", "--paths-from-stdin", "REPO::4", code=1, stdin=paths)
    twins.same("create", "--list", "--dry-run", "--paths-from-stdin", "REPO::x", code=1, stdin=paths)
    twins.same("create", "--log-json", "--list", "REPO::5", "a", "c", "missing", code=1)
    twins.obey_modes = False
    twins.same("create", "--list", "REPO::6", "/proc/self/mem", "c", "/proc/self/attr/current", "missing", code=1)
    for number in range(1, 7):
        twins.same_archive(str(number))


def test_modern_exit_codes(twins: Twins) -> None:
    twins.same("create", "REPO::1", "missing", "a", code=107, BORG_EXIT_CODES="modern")
    twins.same("create", "REPO::2", "/proc/self/mem", code=106, BORG_EXIT_CODES="modern")
    twins.same("create", "REPO::3", "/proc/self/mem", "missing", code=1, BORG_EXIT_CODES="modern")
    twins.same("create", "REPO::4", "/proc/self/attr/current", code=104, BORG_EXIT_CODES="modern")
