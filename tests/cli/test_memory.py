"""However large a file is, backing it up takes no more memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.programs import Program

MIB = 1 << 20
SMALL_MIB, LARGE_MIB = 256, 768
PHRASE = b"what compresses well leaves a small repository behind. "

# Its own child alone: of one that the test's process started, the system would count that process's memory, too.
MEASURE = """\
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def write(path: Path, mebibytes: int) -> None:
    """Content in which no chunk occurs twice."""
    with open(path, "wb") as file:
        for number in range(mebibytes):
            line = b"%s %09d " % (path.name.encode(), number) + PHRASE
            file.write((line * (MIB // len(line) + 1))[:MIB])


@pytest.mark.parametrize("source", ["file", "pipe"])
def test_memory_does_not_grow_with_a_file(source: str, vinculum: Program, workplace: Path) -> None:
    vinculum.run("init", "--encryption", "repokey-blake2", "repository")
    measured = vinculum.behind(sys.executable, "-c", MEASURE)
    peaks = []
    for mebibytes in (SMALL_MIB, LARGE_MIB):
        path = workplace / f"{source}-{mebibytes}"
        write(path, mebibytes)
        archive = f"repository::{path.name}"
        arguments = [archive, path.name] if source == "file" else ["--content-from-command", archive, "--", "cat", path.name]
        done = measured.run("create", *arguments, timeout_s=600)
        peaks.append(int(done.out.split()[-1]) / 1024)
        path.unlink()
    # What is on its way is in memory, and how much that is depends on who is quicker.
    assert peaks[1] - peaks[0] < (LARGE_MIB - SMALL_MIB) / 2, peaks
    stored = sum(path.stat().st_size for path in (workplace / "repository").rglob("*") if path.is_file())
    assert stored > (SMALL_MIB + LARGE_MIB) * MIB / 300, "hardly anything was stored"
