"""Paired timings of `check`, alone and with --verify-data, of a repository of small files and of one of large ones.

    python benchmarks/checking.py [--files N] [--archives N] [--large MIB] [--rounds N] [--built DIRECTORY]

vinculum fills both repositories; checking changes nothing, so both programs read the same ones, in turns. The result is a
Markdown table. `--files 10000 --archives 3 --large 128` takes some seconds; the full size takes some minutes and 3 GiB.
"""

from __future__ import annotations

import argparse
import functools
import random
import shutil
from typing import TYPE_CHECKING

from building import add_options, build_generations, building, size_mib, working_place
from paired import OURS, PROGRAMS, machine, rows, run, take_turns

if TYPE_CHECKING:
    from pathlib import Path

    from paired import Measured

SMALL, LARGE = "small files", "large files"
OPERATIONS = {"check": ["check"], "check --verify-data": ["check", "--verify-data"]}
PIECE, PAGE = 1 << 20, 4096


def build_large(place: Path, options: argparse.Namespace) -> None:
    """Leaves `repository` and `home` in `place`: four files, two of noise and two that lz4 halves."""
    borg = PROGRAMS[OURS]
    noise = random.Random(options.large)
    with building(place) as unfinished:
        home, repository, tree = unfinished / "home", unfinished / "repository", unfinished / "tree"
        home.mkdir()
        tree.mkdir()
        for number in range(4):
            with (tree / f"file-{number}").open("wb") as file:
                for _ in range(options.large // 4):
                    piece = noise.randbytes(PIECE)
                    file.write(piece if number < 2 else _half_empty(piece))
        run(borg, ["init", "--encryption", options.mode, str(repository)], home, home)
        run(borg, ["create", "--compression", options.compression, f"{repository}::large", tree.name], unfinished, home)
        shutil.rmtree(tree)


def _half_empty(noise: bytes) -> bytes:
    """As many bytes, every other page of them zeros."""
    return b"".join(noise[start : start + PAGE] + bytes(PAGE) for start in range(0, len(noise), 2 * PAGE))


def measure(built: Path, program: Path) -> dict[str, Measured]:
    """Both operations on one repository."""
    return {
        name: run(program, [*command, str(built / "repository")], built, built / "home") for name, command in OPERATIONS.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archives", type=int, default=20)
    parser.add_argument("--files", type=int, default=100_000, help="in each archive of small files")
    parser.add_argument("--changed", type=float, default=1.0, metavar="PERCENT", help="of them before each next archive")
    parser.add_argument("--large", type=int, default=1024, metavar="MIB", help="in large files")
    add_options(parser)
    parser.add_argument("--mode", default="repokey-blake2")
    parser.add_argument("--compression", default="lz4")
    parser.add_argument("--only-build", action="store_true", help="measure nothing yet")
    options = parser.parse_args()
    options.scattered = True
    with working_place(options) as (_, built):
        places = {SMALL: built / "small", LARGE: built / "large"}
        for name, make in ((SMALL, build_generations), (LARGE, build_large)):
            if not places[name].exists():
                make(places[name], options)
        if options.only_build:
            return
        print("\n".join(f"- {line}" for line in machine()))
        print(f"- {options.mode}, {options.compression}, in {options.place}; {options.rounds} round(s), medians")
        for name, place in places.items():
            pairs = take_turns(options.rounds, functools.partial(measure, place))
            print(f"\n{name}, {size_mib(place / 'repository'):.0f} MiB of repository\n")
            print("\n".join(rows(pairs)))


if __name__ == "__main__":
    main()
