"""Mounting for as long as a block lasts, archives with a program or memory, and looking at what is mounted."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.programs import Program


@contextmanager
def mounted(program: Program, location: str | Path, place: Path, *options: str, paths: tuple[str, ...] = ()) -> Iterator[Path]:
    """What the location shows at a directory, which is made for it."""
    place.mkdir(exist_ok=True)
    program.run("mount", *options, location, place, *paths)
    try:
        assert is_mounted(place)
        yield place
        program.run("umount", place)
        assert not is_mounted(place)
    finally:
        if is_mounted(place):
            subprocess.run(["umount", "--lazy", place], check=True)


@contextmanager
def mount_point(place: Path) -> Iterator[Path]:
    """A directory to mount at, where nothing is mounted any more behind the block, whatever came of it."""
    place.mkdir()
    try:
        yield place
    finally:
        if is_mounted(place):
            subprocess.run(["umount", "--lazy", place], check=True)


@contextmanager
def memory_mounted(place: Path, size: str | int) -> Iterator[Path]:
    """A file system of that size in memory, at a directory that is made for it."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def is_mounted(place: Path) -> bool:
    """True for a dead mount, too."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == str(place) for line in lines)


def paths_below(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*")}
