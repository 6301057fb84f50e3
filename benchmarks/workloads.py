"""The data that is backed up: made or copied anew for every benchmark, always the same, and how part of it changes and back.

Every change is undone by doing it again, so that each program meets the same two states without a copy of the tree.
"""

from __future__ import annotations

import os
import random
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 2**20
FILES_PER_DIRECTORY = 100
CHANGED = 0.01
# What changes in one place: in files of a mixed tree, and in big ones.
PATCH, BIG_PATCH = 4096, 256 * 1024
# Longer than the steps in which a file system's clock may go.
CLOCK_STEP_S = 0.05
NEWEST = "newest"


class Workload(NamedTuple):
    """What to back up; `scale` is the part of the full size that is made."""

    name: str
    scale: float = 1
    source: Path = Path("/usr")

    def build(self, tree: Path) -> None:
        BUILDERS[self.name](self, tree)
        let_the_clock_go(tree)

    def change(self, tree: Path) -> None:
        """Changes one percent: of the files by number, or of a big file's bytes. The second call takes it back."""
        if self.name in BIG:
            for path in contents(tree):
                _flip_blocks(path)
        else:
            files = contents(tree)
            for path in random.Random(1).sample(files, round(len(files) * CHANGED)):
                _flip(path, path.stat().st_size // 2, PATCH)
        let_the_clock_go(tree)


def let_the_clock_go(tree: Path) -> None:
    """Leaves a last file newer than all others.

    Borg never trusts the newest file it knows to be unchanged, as it may have been written to within the same tick of the
    clock. Without this file a big one would be read again each time, by chance.
    """
    time.sleep(CLOCK_STEP_S)
    (tree / NEWEST).write_text("last")


def contents(tree: Path) -> list[Path]:
    """The files that may change, in a stable order: not empty, without hard links."""
    return sorted(path for path, status in _regular(tree) if status.st_size and status.st_nlink == 1 and path.name != NEWEST)


def census(tree: Path) -> tuple[int, int]:
    """How many regular files there are, and how many bytes they hold (holes do not count)."""
    sizes = [min(status.st_size, status.st_blocks * 512) for _, status in _regular(tree)]
    return len(sizes), sum(sizes)


def _regular(tree: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for directory, _, names in os.walk(tree):
        for name in names:
            path = Path(directory, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                yield path, status


def _flip(path: Path, offset: int, length: int) -> None:
    """Turns over every bit of a range: what is done twice is undone."""
    with open(path, "r+b") as file:
        file.seek(offset)
        data = file.read(length)
        flipped = int.from_bytes(data, "little") ^ ((1 << 8 * len(data)) - 1)
        file.seek(offset)
        file.write(flipped.to_bytes(len(data), "little"))


def _flip_blocks(path: Path) -> None:
    """Flips one percent of what a file holds, in big pieces; holes stay."""
    blocks = [block for start, stop in _extents(path) for block in range(start, stop - BIG_PATCH + 1, BIG_PATCH)]
    for offset in random.Random(2).sample(blocks, max(1, round(len(blocks) * CHANGED))):
        _flip(path, offset, BIG_PATCH)


def _extents(path: Path) -> Iterator[tuple[int, int]]:
    with open(path, "rb") as file:
        size, stop = path.stat().st_size, 0
        while stop < size:
            try:
                start = os.lseek(file.fileno(), stop, os.SEEK_DATA)
            except OSError:  # a hole up to the end
                return
            stop = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            yield start, stop


def phrases(source: random.Random) -> list[bytes]:
    return [source.randbytes(source.randrange(8, 41)) for _ in range(256)]


def text(source: random.Random, vocabulary: list[bytes], length: int) -> bytes:
    """Phrases that occur again and again, then noise: lz4 and zstd gain about as much as on English prose."""
    repeated = length * 7 // 10
    phrases = b"".join(source.choices(vocabulary, k=repeated // 22))[:repeated]
    return phrases + source.randbytes(length - len(phrases))


def _copy(workload: Workload, tree: Path) -> None:
    subprocess.run(["cp", "--archive", "--one-file-system", workload.source, tree], check=True)


def _small(workload: Workload, tree: Path) -> None:
    source = random.Random(3)
    vocabulary = phrases(source)
    for number in range(round(300_000 * workload.scale)):
        directory = tree / f"{number // FILES_PER_DIRECTORY:04}"
        if number % FILES_PER_DIRECTORY == 0:
            directory.mkdir(parents=True)
        (directory / f"{number:06}").write_bytes(text(source, vocabulary, source.randrange(100, 8193)))


def _large(workload: Workload, tree: Path) -> None:
    """Four files, one of a gigabyte each at full size: by turns noise and text."""
    source = random.Random(4)
    vocabulary = phrases(source)
    tree.mkdir()
    for number in range(4):
        is_text = number % 2
        pieces = range(round(1024 * workload.scale))
        with open(tree / f"{number}-{'text' if is_text else 'noise'}", "wb") as file:
            file.writelines(text(source, vocabulary, MIB) if is_text else source.randbytes(MIB) for _ in pieces)


def _image(workload: Workload, tree: Path) -> None:
    """One image of eight gigabytes at full size: runs of text and noise, a quarter of the whole, among holes."""
    source = random.Random(5)
    vocabulary = phrases(source)
    tree.mkdir()
    size = round(8192 * workload.scale) * MIB
    with open(tree / "disk.img", "wb") as file:
        file.truncate(size)
        position = 0
        while position < size:
            length = min(source.randrange(16, 1024) * 4096, size - position)
            file.seek(position)
            file.write(text(source, vocabulary, length) if source.random() < 0.7 else source.randbytes(length))
            position += length + source.randrange(48, 3 * 1024) * 4096


BUILDERS = {"mixed": _copy, "small": _small, "large": _large, "image": _image}
BIG = ("large", "image")
TITLES = {
    "mixed": "a mixed tree",
    "small": "small files",
    "large": "large files, half of them incompressible",
    "image": "a sparse disk image",
}
