"""However large a file is, backing it up takes no more memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.peak_memory import run_measured
from support.programs import Program
from support.repositories import stored_bytes

MIB = 1 << 20
SMALL_MIB, LARGE_MIB = 256, 768
PHRASE = b"what compresses well leaves a small repository behind. "


def write(path: Path, mebibytes: int) -> None:
    """Content in which no chunk occurs twice."""
    with open(path, "wb") as file:
        for number in range(mebibytes):
            line = b"%s %09d " % (path.name.encode(), number) + PHRASE
            file.write((line * (MIB // len(line) + 1))[:MIB])


@pytest.mark.parametrize("source", ["file", "pipe"])
def test_memory_does_not_grow_with_a_file(source: str, vinculum: Program, workplace: Path) -> None:
    vinculum.run("init", "--encryption", "repokey-blake2", "repository")
    peaks = []
    for mebibytes in (SMALL_MIB, LARGE_MIB):
        path = workplace / f"{source}-{mebibytes}"
        write(path, mebibytes)
        archive = f"repository::{path.name}"
        arguments = [archive, path.name] if source == "file" else ["--content-from-command", archive, "--", "cat", path.name]
        peaks.append(run_measured(vinculum, "create", *arguments).mib)
        path.unlink()
    # What is on its way is in memory, and how much that is depends on who is quicker.
    assert peaks[1] - peaks[0] < (LARGE_MIB - SMALL_MIB) / 2, peaks
    assert stored_bytes(workplace / "repository") > (SMALL_MIB + LARGE_MIB) * MIB / 300, "hardly anything was stored"
