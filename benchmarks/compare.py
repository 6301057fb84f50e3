"""Paired timings: vinculum and real Borg do the same work in turns, on a real tree of this machine, in memory and on disk.

    python benchmarks/compare.py [--tree DIRECTORY] [--rounds N] [--place DIRECTORY]...

Turns alternate within each round, so that whatever slows the machine down meets both. Shown are medians of wall time, and the
ratio of theirs to ours: above 1 vinculum is faster. The file system's cache is warm for both.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from paired import PROJECT, Measured, machine, run, take_turns


def one_turn(program: Path, tree: Path, place: Path, mode: str, compression: str) -> dict[str, Measured]:
    """Everything once, in a repository and with a client state of its own."""
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        here = Path(temporary)
        repository, restored = here / "repository", here / "restored"
        restored.mkdir()
        create = ["create", "--compression", compression]
        return {
            "init": run(program, ["init", "--encryption", mode, str(repository)], here, here),
            "create": run(program, [*create, f"{repository}::first", tree.name], tree.parent, here),
            "create unchanged": run(program, [*create, f"{repository}::second", tree.name], tree.parent, here),
            "list": run(program, ["list", f"{repository}::first"], here, here),
            "extract": run(program, ["extract", f"{repository}::first"], restored, here),
        }


def compare(tree: Path, place: Path, rounds: int, mode: str, compression: str) -> None:
    """Copies the tree to `place`, takes the turns there, prints one line for each operation."""
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        copy = Path(temporary) / "tree"
        shutil.copytree(tree, copy, symlinks=True)
        files = [path for path in copy.rglob("*") if path.is_file() and not path.is_symlink()]
        size_mib = sum(path.stat().st_size for path in files) / 2**20
        print(f"\n{place}: {len(files)} files, {size_mib:.0f} MiB, {mode}, {compression}, {rounds} rounds", flush=True)
        pairs = take_turns(rounds, lambda program: one_turn(program, copy, Path(temporary), mode, compression))
    print(f"{'':<18}{'vinculum':>10}{'borg':>10}{'ratio':>8}{'memory, MiB':>18}")
    for operation, pair in pairs.items():
        peaks = f"{pair.ours.peak_mib:.0f} / {pair.theirs.peak_mib:.0f}"
        times = f"{pair.ours.wall_s:>8.2f} s{pair.theirs.wall_s:>8.2f} s{pair.wall_ratio:>8.2f}"
        print(f"{operation:<18}{times}{peaks:>18}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, default=Path("/usr/share"), help="what to archive")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--place", type=Path, action="append", help="where to work; default: /dev/shm and build/bench")
    parser.add_argument("--mode", default="repokey-blake2")
    parser.add_argument("--compression", default="lz4")
    options = parser.parse_args()
    on_disk = PROJECT / "build" / "bench"
    on_disk.mkdir(parents=True, exist_ok=True)
    print("\n".join(machine()))
    for place in options.place or [Path("/dev/shm"), on_disk]:
        compare(options.tree, place, options.rounds, options.mode, options.compression)


if __name__ == "__main__":
    main()
