"""Which AES counters the objects of a repository were sealed with: what is used twice with one key gives both contents away."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from vinculum._native import scan_segment
from vinculum.errors import IntegrityError

ENTRY_HEAD, IV_AT, BLOCK = 41, 33, 16


def counters(repository: Path) -> Iterator[tuple[int, int]]:
    """First counter, and the one behind the last, of everything that was ever sealed; copies of an object count once.

    Segments that are not whole are left out.
    """
    seen = set()
    for segment in (repository / "data").rglob("*"):
        if not segment.is_file():
            continue
        with open(segment, "rb") as file:
            try:
                entries = scan_segment(file.fileno())
            except IntegrityError:
                continue
            for tag, offset, size in zip(entries.tags(), entries.offsets(), entries.sizes(), strict=True):
                if tag == 0:
                    stored = os.pread(file.fileno(), size - ENTRY_HEAD, offset + ENTRY_HEAD)
                    start = int.from_bytes(stored[IV_AT : IV_AT + 8], "big")
                    if stored not in seen:
                        yield start, start + -(-(len(stored) - IV_AT - 8) // BLOCK)
                    seen.add(stored)


def shared(used: Iterable[tuple[int, int]]) -> int | None:
    """The first counter that two of these ranges have in common."""
    return next((start for (_, end), (start, _) in pairwise(sorted(used)) if end > start), None)


def assert_no_counter_is_shared(repository: Path) -> int:
    """Returns how many objects there are."""
    used = list(counters(repository))
    twice = shared(used)
    assert twice is None, f"the counters from {twice} on are used twice"
    return len(used)
