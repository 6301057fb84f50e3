"""The disk that loses what was not synced: it does, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PRELUDE = """
import os, sys
sys.path[:0] = sys.argv[2:]
from torture.power import PowerCut
from torture.system_calls import SystemCalls
for seed in range(SEEDS):
    root = os.path.join(sys.argv[1], str(seed))
    if os.fork() == 0:
        break
    if os.wait()[1]:
        sys.exit("a child failed")
else:
    sys.exit()
calls = SystemCalls(root)
power = PowerCut(root, calls, seed)
def watch(call, act):
    behind = power.note(call)
    result = act()
    behind()
    return result
calls.watch(watch)
os.chdir(root)
def write(name, content, flags=0):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | flags)
    os.write(fd, content)
    return fd
def sync(name):
    fd = os.open(name, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
"""
SEEDS = 30


def outcomes(tmp_path: Path, script: str) -> set[tuple[tuple[str, bytes], ...]]:
    """The files that are left, for each seed."""
    paths = [path for path in sys.path if path.endswith(("src", "tests"))]
    roots = [tmp_path / str(seed) for seed in range(SEEDS)]
    for root in roots:
        root.mkdir()
        (root / "old").write_bytes(b"old")
    subprocess.run([sys.executable, "-c", f"SEEDS = {SEEDS}\n{PRELUDE}{script}\npower.cut()\n", tmp_path, *paths], check=True)
    return {tuple((path.name, path.read_bytes()) for path in sorted(root.rglob("*")) if path.is_file()) for root in roots}


def test_what_was_synced_stays(tmp_path: Path) -> None:
    script = "write('new', b'new'); sync('new'); os.rename('old', 'moved'); sync('.')"
    assert outcomes(tmp_path, script) == {(("moved", b"old"), ("new", b"new"))}


@pytest.mark.parametrize(
    ("script", "possible"),
    [
        # A name without its content, content without a name, both, neither.
        ("write('new', b'abc')", {(("old", b"old"),), (("new", b""), ("old", b"old")), (("new", b"abc"), ("old", b"old"))}),
        # Writes get to the disk in any order; what is missing before others is zeros.
        (
            "fd = write('new', b'ab'); sync('.'); os.write(fd, b'cd')",
            {(("new", content), ("old", b"old")) for content in (b"", b"ab", b"abcd", b"\0\0cd")},
        ),
        ("os.rename('old', 'new')", {(("old", b"old"),), (("new", b"old"),)}),
        ("os.unlink('old')", {(), (("old", b"old"),)}),
        # Two changes of one name happen in their order.
        ("os.unlink('old'); write('old', b'x'); sync('old')", {(), (("old", b"old"),), (("old", b"x"),)}),
        ("write('old', b'xyz', os.O_TRUNC)", {(("old", content),) for content in (b"", b"old", b"xyz")}),
    ],
)
def test_what_was_not_synced_is_there_or_not(tmp_path: Path, script: str, possible: set[tuple[tuple[str, bytes], ...]]) -> None:
    assert outcomes(tmp_path, script) == possible
