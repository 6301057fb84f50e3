"""A little tree that changes between backups, one file at a time."""

from __future__ import annotations

import os
from pathlib import Path

from support.trees import random_content, set_mtime

KINDS = ["write", "write", "write", "remove", "mode", "link", "symlink"]
NAMES = ["a", "b", "d/e", "d/f", "d/g/h"]
FIRST_MTIME_S = 1_600_000_000


def change(tree: Path, kind: str, name: str, number: int, moment: int) -> None:
    """Changes one file, if it is there as far as that takes it; `moment` grows from change to change."""
    mtime_s = FIRST_MTIME_S + moment
    path = tree / name
    is_there = os.path.lexists(path)
    if kind in ("write", "symlink", "remove", "link") and is_there:
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "write":
        path.write_bytes(random_content(number, number * 9000))
    elif kind == "symlink":
        path.symlink_to(f"target-{number}")
    elif kind == "link":
        others = sorted(other for other in tree.rglob("*") if other.is_file() and not other.is_symlink())
        if others:
            path.hardlink_to(others[number % len(others)])
    elif kind == "mode" and is_there and not path.is_symlink():
        path.chmod(0o600 | number)
    # Listings round to microseconds, so there is nothing to round.
    directories = [tree, *(found for found in tree.rglob("*") if found.is_dir() and not found.is_symlink())]
    for touched in [path, *directories] if os.path.lexists(path) else directories:
        set_mtime(os.fsencode(touched), mtime_s * 10**9 + mtime_s % 10**6 * 1000)
