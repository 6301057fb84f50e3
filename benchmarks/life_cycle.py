"""Paired timings of what happens to a repository with many archives: deleting, pruning, rebuilding the cache from nothing.

    python benchmarks/life_cycle.py [--archives N] [--files N] [--changed PERCENT] [--scattered] [--rounds N]

vinculum fills one repository with archives of a tree of small files, some of which change before each next one. Each program
gets its own copies of it and of the client state, one for each operation, and they take turns. The result is a Markdown table.
`--archives 10 --files 10000` takes some seconds; the full size takes ten minutes and 2 GiB of memory for the copies.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from building import ALL_OLD, add_options, build_generations, size_mib, working_place
from paired import machine, rows, run, take_turns

if TYPE_CHECKING:
    from paired import Measured

OPERATIONS = {
    "delete": ["delete", "--glob-archives", ALL_OLD],
    "prune": ["prune", "--keep-last", "1"],
    "rebuild the cache": ["info"],
}
WITHOUT_CACHE = "rebuild the cache"


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archives", type=int, default=100, help="how many to delete")
    parser.add_argument("--files", type=int, default=100_000, help="in each archive")
    parser.add_argument("--changed", type=float, default=1.0, metavar="PERCENT", help="of the files, before each next archive")
    parser.add_argument("--scattered", action="store_true", help="change files everywhere instead of whole directories")
    add_options(parser)
    parser.add_argument("--mode", default="repokey-blake2")
    parser.add_argument("--compression", default="lz4")
    options = parser.parse_args()
    with working_place(options) as (place, built):
        if not built.exists():
            build_generations(built, options)
        pairs = take_turns(
            options.rounds,
            lambda program: {operation: measure(program, operation, built, place) for operation in OPERATIONS},
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
