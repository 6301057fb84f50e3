"""Repositories that are built before anything is measured, and may be kept; one of many generations of small files."""

from __future__ import annotations

import contextlib
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from paired import OURS, PROGRAMS, run
from workloads import FILES_PER_DIRECTORY

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

OLD, ALL_OLD, NEW = "old-{:04}", "old-*", "new"


def add_options(parser: argparse.ArgumentParser) -> None:
    """How often and where to measure, and what becomes of what was built."""
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--place", type=Path, default=Path("/dev/shm"), help="where to work")
    parser.add_argument("--built", type=Path, metavar="DIRECTORY", help="keep what was built there, and use it if it exists")


@contextlib.contextmanager
def building(place: Path) -> Iterator[Path]:
    """A directory to build in; it gets its name when it is complete, so that what was left half done is not used."""
    unfinished = place.with_name(f"{place.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    yield unfinished
    unfinished.rename(place)


@contextlib.contextmanager
def working_place(options: argparse.Namespace) -> Iterator[tuple[Path, Path]]:
    """Where to work, and where what was built is or is to be."""
    with tempfile.TemporaryDirectory(dir=options.place) as temporary:
        yield Path(temporary), options.built or Path(temporary) / "built"


def show_progress(number: int, total: int) -> None:
    """After so many archives; the last one ends the line."""
    print(f"\rbuilding: archive {number} of {total} ", end="\n" if number == total else "", file=sys.stderr, flush=True)


def size_mib(directory: Path) -> float:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / 2**20


class Tree:
    """Small files, each with a content of its own, in directories of a hundred."""

    def __init__(self, path: Path, files: int) -> None:
        self.path = path
        self._files = files
        self._random = random.Random(files)
        for number in range(files):
            if number % FILES_PER_DIRECTORY == 0:
                self._name(number).parent.mkdir(parents=True)
            self._write(number, 0)

    def change(self, generation: int, percent: float, *, scattered: bool) -> None:
        """Rewrites part of the files: scattered over all, or those of some directories."""
        count = round(self._files * percent / 100)
        if scattered:
            changed = self._random.sample(range(self._files), count)
        else:
            directories = range(0, self._files, FILES_PER_DIRECTORY)
            starts = self._random.sample(directories, -(-count // FILES_PER_DIRECTORY))
            changed = [number for start in starts for number in range(start, min(start + FILES_PER_DIRECTORY, self._files))]
        for number in changed[:count]:
            self._write(number, generation)

    def _name(self, number: int) -> Path:
        return self.path / f"directory-{number // FILES_PER_DIRECTORY:05}" / f"file-{number:07}.txt"

    def _write(self, number: int, generation: int) -> None:
        self._name(number).write_text(f"File {number} as of generation {generation}.\n")


def build_generations(place: Path, options: argparse.Namespace) -> None:
    """Leaves `repository` and `home` (all client state) in `place`: archives of a tree that changes from one to the next."""
    borg = PROGRAMS[OURS]
    with building(place) as unfinished:
        home, repository = unfinished / "home", unfinished / "repository"
        home.mkdir()
        run(borg, ["init", "--encryption", options.mode, str(repository)], home, home)
        tree = Tree(unfinished / "tree", options.files)
        for number in range(options.archives + 1):
            if number:
                tree.change(number, options.changed, scattered=options.scattered)
            name = OLD.format(number) if number < options.archives else NEW
            command = ["create", "--compression", options.compression, f"{repository}::{name}", tree.path.name]
            run(borg, command, unfinished, home)
            show_progress(number + 1, options.archives + 1)
        shutil.rmtree(tree.path)
