"""Looking at repositories from outside: their files, how much they hold, their locks."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_digests(repository: Path) -> dict[str, str]:
    """Relative path -> digest of every file; an unchanged repository gives the same again."""
    return {
        str(path.relative_to(repository)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(repository.rglob("*"))
        if path.is_file()
    }


def stored_bytes(repository: Path) -> int:
    """What is in segments, committed or not."""
    return sum(path.stat().st_size for path in (repository / "data").rglob("*") if path.is_file())


def locks(repository: Path) -> list[str]:
    """The names of locks that are held or were left behind."""
    return sorted(path.name for path in repository.glob("lock.*"))


def latest_transaction(repository: Path) -> int:
    """The number of the newest committed transaction by its index file, -1 if there is none."""
    numbers = [int(path.suffix[1:]) for path in repository.glob("index.*") if path.suffix[1:].isdigit()]
    return max(numbers, default=-1)
