"""Paired timings: vinculum and real Borg do the same work in turns, on a real tree of this machine, in memory and on disk.

    python benchmarks/compare.py [--tree DIRECTORY] [--rounds N] [--place DIRECTORY]...

Turns alternate within each round, so that whatever slows the machine down meets both. Shown are medians of wall time, and the
ratio of theirs to ours: above 1 vinculum is faster. The file system's cache is warm for both.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
PROGRAMS = {"vinculum": PROJECT / ".venv/bin/borg", "borg": PROJECT / "build/oracles/borg-1.4.5/bin/borg"}
OPERATIONS = ["init", "create", "create unchanged", "list", "extract"]


class Measured(NamedTuple):
    """One call."""

    wall_s: float
    peak_mib: float


def run(program: Path, arguments: list[str], cwd: Path, home: Path) -> Measured:
    """Runs to the end, output thrown away; a failure ends the benchmark."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "BORG_BASE_DIR": str(home),
        "BORG_PASSPHRASE": "benchmark",
        "LANG": "C.UTF-8",
    }
    with open(home / "messages", "w+", encoding="utf-8") as messages:
        started = time.perf_counter()
        process = subprocess.Popen([program, *arguments], cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=messages)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        messages.seek(0)
        if process.returncode != 0:
            sys.exit(f"{program} {' '.join(arguments)} ended with exit code {process.returncode}\n{messages.read()}")
    return Measured(wall_s, usage.ru_maxrss / 1024)


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
        results: dict[str, list[dict[str, Measured]]] = {name: [] for name in PROGRAMS}
        for number in range(rounds):
            for name in sorted(PROGRAMS, reverse=number % 2 == 0):
                results[name].append(one_turn(PROGRAMS[name], copy, Path(temporary), mode, compression))
    print(f"{'':<18}{'vinculum':>10}{'borg':>10}{'ratio':>8}{'memory, MiB':>18}")
    for operation in OPERATIONS:
        ours, theirs = (statistics.median(turn[operation].wall_s for turn in results[name]) for name in PROGRAMS)
        peaks = " / ".join(f"{max(turn[operation].peak_mib for turn in results[name]):.0f}" for name in PROGRAMS)
        print(f"{operation:<18}{ours:>8.2f} s{theirs:>8.2f} s{theirs / ours:>8.2f}{peaks:>18}", flush=True)


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
    for place in options.place or [Path("/dev/shm"), on_disk]:
        compare(options.tree, place, options.rounds, options.mode, options.compression)


if __name__ == "__main__":
    main()
