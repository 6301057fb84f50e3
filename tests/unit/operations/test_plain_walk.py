"""Trees that are walked natively: what is taken is what the walk in Python takes, in the same order."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from vinculum import _native
from vinculum.archive.patterns import PatternMatcher
from vinculum.operations.create import gathering
from vinculum.operations.create.gathering import Bundle, Gatherer
from vinculum.operations.create.walk import Walker, WalkRules

RULES = WalkRules(PatternMatcher(), asks_attributes=True)


def grow(place: Path, chance: random.Random, depth: int = 0) -> None:
    """Files, links, fifos and directories, in any number and order."""
    for number in range(chance.randint(0 if depth else 5, 9)):
        name = place / f"{chance.random()}-{number}"
        kind = chance.choice(["file", "file", "link", "fifo", "directory", "directory"])
        if kind == "directory" and depth < 5:
            name.mkdir()
            grow(name, chance, depth + 1)
        elif kind == "link":
            name.symlink_to("somewhere")
        elif kind == "fifo":
            os.mkfifo(name)
        else:
            name.write_bytes(b"content")


def gathered(roots: list[Path], skip: set[tuple[int, int]], *, natively: bool, rules: WalkRules = RULES) -> Any:
    """The paths, and what is to be reported before which of them."""
    bundles: list[Bundle] = []
    gatherer = Gatherer(_native.ItemOptions(), bundles.append, lambda: False, wants_files=False)
    walker = Walker(rules, gatherer, set(skip), gatherer.take_tree if natively else None)
    for root in roots:
        walker.walk(os.fsencode(root))
    gatherer.flush()
    paths: list[bytes] = []
    notes = []
    for bundle in bundles:
        notes += [(len(paths) + note.before, *note[1:]) for note in bundle.notes]
        paths += bundle.batch.paths()
    return paths, notes


@pytest.mark.parametrize("seed", range(20))
def test_the_kernel_takes_what_python_takes(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        grow(tmp_path / name, chance)
    monkeypatch.setattr(gathering, "MAX_ENTRIES", chance.choice([1, 2, 7, 2048]))
    monkeypatch.setattr(gathering, "MAX_LISTINGS", chance.choice([1, 2, 96]))
    directories = [Path(path) for path, _, _ in os.walk(tmp_path)]
    skipped = {(found.st_ino, found.st_dev) for found in map(os.stat, chance.sample(directories, min(2, len(directories) - 1)))}
    skipped.discard((tmp_path.stat().st_ino, tmp_path.stat().st_dev))
    roots = [tmp_path / "first", tmp_path, tmp_path / "second"]
    expected = gathered(roots, skipped, natively=False)
    assert expected[0]
    assert gathered(roots, skipped, natively=True) == expected


def test_other_file_systems_are_not_entered() -> None:
    assert os.stat("/dev").st_dev != os.stat("/dev/pts").st_dev
    everything, _ = gathered([Path("/dev")], set(), natively=True)
    assert {b"/dev/pts", b"/dev/pts/ptmx"} <= set(everything)
    paths, _ = gathered([Path("/dev")], set(), natively=True, rules=RULES._replace(one_file_system=True))
    assert b"/dev/pts" in paths
    assert not any(path.startswith(b"/dev/pts/") for path in paths)


def test_a_tree_of_which_the_kernels_know_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="goes through"):
        _native.PlainWalk(_native.scan_root(os.fsencode(tmp_path), b"x"))
