"""Random trees and random command lines, the same ones in every run: Borg 1.4.5 and we archive and show the same."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from support.trees import set_mtime
from support.twins import Twins

pytestmark = pytest.mark.can_be_far

NAMES = ["a", "b", "c.o", "d.c", "e f", ".g", "ü", "CACHEDIR.TAG", "skip", "*", "[x]", "h\udcff"]
CONTENTS = [b"", b"1", b"22" * 50, bytes(3000), b"Signature: 8a477f597d28d172789f06886806bc55", b"x" * 70_000]
BASE_NS = 1_600_000_000_000_000_000


def grow(chance: random.Random, directory: str, depth: int) -> None:
    for name in chance.sample(NAMES, chance.randint(1, 5)):
        path = os.path.join(directory, name)
        kind = chance.random()
        if kind < 0.35 and depth:
            os.mkdir(path)
            grow(chance, path, depth - 1)
        elif kind < 0.45:
            os.symlink(chance.choice(NAMES), path)
        elif kind < 0.5 and name != "CACHEDIR.TAG":  # Borg would wait for somebody to write into it
            os.mkfifo(path)
        else:
            with open(path, "wb") as file:
                file.write(chance.choice(CONTENTS))
            os.chmod(path, chance.choice([0o644, 0o600, 0o4755]))
            if kind > 0.95:
                os.link(path, f"{path}.link")
        set_mtime(os.fsencode(path), BASE_NS + chance.randrange(10**9))


def some_path(chance: random.Random, paths: list[str]) -> str:
    """An existing path in one of the ways to write it, now and then a missing one."""
    path = chance.choice(paths)
    if chance.random() < 0.3 and "/" in path:
        head, tail = path.split("/", 1)
        path = f"{head}/./{tail}"
    return chance.choice([path, path, path, f"./{path}", f"{path}/", f"../tree/{path}", "missing", "."])


def some_pattern(chance: random.Random, paths: list[str]) -> str:
    path = chance.choice(paths)
    glob = "/".join(chance.choice([part, "*", "**", part[:1] + "*", "?" * len(part)]) for part in path.split("/"))
    return chance.choice([path, glob, f"pp:{path}", f"pf:{path}", f"sh:{glob}", f"fm:{glob}", "re:[ab]$", "*.o", "sh:**/a"])


def some_options(chance: random.Random, paths: list[str]) -> list[str]:
    options = []
    for _ in range(chance.randint(0, 3)):
        pattern = some_pattern(chance, paths)
        options.append(chance.choice([f"--exclude={pattern}", f"--pattern={chance.choice('+-!')} {pattern}"]))
    for option, likelihood in (
        ("--exclude-caches", 0.2),
        ("--exclude-if-present=skip", 0.2),
        ("--exclude-if-present=b", 0.1),
        ("--keep-exclude-tags", 0.3),
        ("--numeric-ids", 0.2),
        ("--noctime", 0.1),
        (chance.choice(["--files-cache=disabled", "--files-cache=mtime,size", "--files-cache=rechunk,ctime"]), 0.2),
        (chance.choice(["--chunker-params=fixed,4096", "--chunker-params=buzhash,10,14,12,63"]), 0.2),
        ("--filter=AMUdsx-", 0.2),
        ("-v", 0.1),
        ("--log-json", 0.1),
    ):
        if chance.random() < likelihood:
            options.append(option)
    return options


@pytest.mark.parametrize("seed", range(6))
def test_random_command_lines(seed: int, twins: Twins, workplace: Path) -> None:
    chance = random.Random(f"same {seed}")
    tree = workplace / "tree"
    tree.mkdir()
    grow(chance, str(tree), 3)
    twins.cwd = tree
    paths = sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))
    text_paths = [path for path in paths if path.isprintable()] or ["."]  # Borg cannot keep other command lines
    for number in range(12):
        options = some_options(chance, text_paths)
        roots = [some_path(chance, text_paths) for _ in range(chance.randint(1, 3))]
        if "." in roots:  # Borg shows directories that tag it as "./name"
            options = [option for option in options if option != "--keep-exclude-tags"]
        twins.same("create", "--dry-run", "--list", *options, "REPO::x", *roots)
        if twins.same("create", "--list", *options, f"REPO::{number}", *roots).code < 2:
            twins.same_archive(str(number))
            chosen = [some_path(chance, text_paths) for _ in range(chance.randint(0, 2))]
            twins.same("list", "--format={mode} {size} {path}{extra}{NL}", f"REPO::{number}", *chosen, exact=True)
