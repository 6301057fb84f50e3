"""Paired timings of what happens to a repository with many archives: deleting, pruning, rebuilding the cache from nothing.

    python benchmarks/life_cycle.py [--archives N] [--files N] [--changed PERCENT] [--scattered] [--rounds N]

vinculum fills one repository with archives of a tree of small files, some of which change before each next one. Each program
gets its own copies of it and of the client state, one for each operation, and they take turns. The result is a Markdown table.
`--archives 10 --files 10000` takes some seconds; the full size takes ten minutes and 2 GiB of memory for the copies.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from paired import OURS, PROGRAMS, machine, run, take_turns

if TYPE_CHECKING:
    from paired import Measured, Pair

FILES_PER_DIRECTORY = 100
OLD, NEW = "old-{:04}", "new"
OPERATIONS = {
    "delete": ["delete", "--glob-archives", "old-*"],
    "prune": ["prune", "--keep-last", "1"],
    "rebuild the cache": ["info"],
}
WITHOUT_CACHE = "rebuild the cache"


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


def build(place: Path, options: argparse.Namespace) -> None:
    """Leaves `repository` and `home` (all client state) in `place`; it is complete if it exists under its name."""
    unfinished = place.with_name(f"{place.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    home, repository = unfinished / "home", unfinished / "repository"
    home.mkdir(parents=True)
    borg = PROGRAMS[OURS]
    run(borg, ["init", "--encryption", options.mode, str(repository)], home, home)
    tree = Tree(unfinished / "tree", options.files)
    for number in range(options.archives + 1):
        if number:
            tree.change(number, options.changed, scattered=options.scattered)
        name = OLD.format(number) if number < options.archives else NEW
        command = ["create", "--compression", options.compression, f"{repository}::{name}", tree.path.name]
        run(borg, command, unfinished, home)
        print(f"\rbuilding: archive {number + 1} of {options.archives + 1} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    shutil.rmtree(tree.path)
    unfinished.rename(place)


def measure(program: Path, operation: str, built: Path, place: Path) -> Measured:
    """One operation on a copy of its own."""
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        here = Path(temporary)
        for part in ("repository", "home"):
            shutil.copytree(built / part, here / part)
        if operation == WITHOUT_CACHE:
            shutil.rmtree(here / "home/.cache")
        command, *arguments = OPERATIONS[operation]
        print(f"{program.parts[-3]}: {operation}", file=sys.stderr, flush=True)
        return run(program, [command, *arguments, str(here / "repository")], here, here / "home")


def size_mib(directory: Path) -> float:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / 2**20


def rows(pairs: dict[str, Pair]) -> list[str]:
    """The result as a Markdown table."""
    lines = [
        "| | vinculum | borg | borg / vinculum | CPU: vinculum | borg | borg / vinculum | peak memory, MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for operation, pair in pairs.items():
        wall = f"{pair.ours.wall_s:.2f} s | {pair.theirs.wall_s:.2f} s | **{pair.wall_ratio:.1f}**"
        cpu = f"{pair.ours.cpu_s:.2f} s | {pair.theirs.cpu_s:.2f} s | {pair.cpu_ratio:.1f}"
        lines.append(f"| {operation} | {wall} | {cpu} | {pair.ours.peak_mib:.0f} / {pair.theirs.peak_mib:.0f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archives", type=int, default=100, help="how many to delete")
    parser.add_argument("--files", type=int, default=100_000, help="in each archive")
    parser.add_argument("--changed", type=float, default=1.0, metavar="PERCENT", help="of the files, before each next archive")
    parser.add_argument("--scattered", action="store_true", help="change files everywhere instead of whole directories")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--place", type=Path, default=Path("/dev/shm"), help="where to work")
    parser.add_argument("--built", type=Path, metavar="DIRECTORY", help="keep what was built there, and use it if it exists")
    parser.add_argument("--mode", default="repokey-blake2")
    parser.add_argument("--compression", default="lz4")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.place) as temporary:
        built = options.built or Path(temporary) / "built"
        if not built.exists():
            build(built, options)
        pairs = take_turns(
            options.rounds,
            lambda program: {operation: measure(program, operation, built, Path(temporary)) for operation in OPERATIONS},
        )
        size = size_mib(built / "repository")
    where = "scattered over the tree" if options.scattered else "whole directories"
    print("\n".join(f"- {line}" for line in machine()))
    print(f"- {options.archives} archives to delete, one to keep; {options.files} files each, of which {options.changed:g} %")
    print(f"  change from one to the next, {where}; {options.mode}, {options.compression}; {size:.0f} MiB in {options.place}")
    print(f"- {options.rounds} round(s), medians\n")
    print("\n".join(rows(pairs)))


if __name__ == "__main__":
    main()
