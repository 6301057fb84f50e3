"""Who should answer the kernel? The same files behind two Python bindings for FUSE, and behind what `mount` does.

    python benchmarks/bindings.py [--files N] [--rounds N] [--place DIRECTORY]

A tree of small files is archived and mounted by vinculum; for the others a process in Python answers from dictionaries that
hold the same names, sizes and content. Each is walked twice with find, and packed with tar. Turns alternate; the result is a
Markdown table. Needs root, Debian's python3-pyfuse3, and mfusepy (pip install --target DIRECTORY mfusepy, and that directory in
PYTHONPATH).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from mounting import WALK
from orphans import adopt_orphans
from paired import OURS, PROGRAMS, Measured, alternate, environment, hardware, run, summary
from workloads import FILES_PER_DIRECTORY

FILE_BYTES = 1000
STEPS = {"find -printf %s": WALK, "find, second time": WALK, "tar": "tar --create . | wc -c"}
PROCESS = "CPU of the process"
SERVERS = Path(__file__).with_name("python_servers.py")
DEBIANS = Path("/usr/bin/python3")  # which has Debian's packages
HIGH_LEVEL, LOW_LEVEL = "mfusepy (paths)", "pyfuse3 (inodes)"


class Bench(NamedTuple):
    """Where everything is."""

    place: Path
    files: int


def build(bench: Bench) -> None:
    """The archive that vinculum mounts."""
    home, tree = bench.place / "home", bench.place / "tree"
    home.mkdir()
    for number in range(bench.files):
        if number % FILES_PER_DIRECTORY == 0:
            directory = tree / f"{number // FILES_PER_DIRECTORY:05}"
            directory.mkdir(parents=True)
        (directory / f"{number:07}").write_bytes(b"%07d" % number * (FILE_BYTES // 7))
    repository = bench.place / "repository"
    run(PROGRAMS[OURS], ["init", "--encryption", "repokey-blake2", str(repository)], home, home)
    run(PROGRAMS[OURS], ["create", f"{repository}::all", "."], tree, home)


def command(name: str, bench: Bench, mountpoint: Path) -> list[str | Path]:
    """What mounts, and stays in the foreground."""
    if name == OURS:
        return [PROGRAMS[OURS], "mount", "--foreground", f"{bench.place / 'repository'}::all", mountpoint]
    python = DEBIANS if name == LOW_LEVEL else Path(sys.executable)
    return [python, SERVERS, name.partition(" ")[0], bench.place / "tree", mountpoint]


def turn(name: str, bench: Bench) -> dict[str, Measured]:
    """All steps with one of them."""
    mountpoint = bench.place / "mnt"
    mountpoint.mkdir(exist_ok=True)
    settings = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    server = subprocess.Popen(command(name, bench, mountpoint), env=environment(bench.place / "home", settings))
    while not os.path.ismount(mountpoint):
        if server.poll() is not None:
            raise SystemExit(f"{name} does not mount")
        time.sleep(0.01)
    results = {}
    for step, script in STEPS.items():
        started = time.perf_counter()
        subprocess.run(["/bin/sh", "-c", script], cwd=mountpoint, check=True, stdout=subprocess.DEVNULL)
        results[step] = Measured(time.perf_counter() - started, 0, 0)
        print(f"{name}: {step}: {results[step].wall_s:.2f} s", file=sys.stderr, flush=True)
    subprocess.run(["umount", mountpoint], check=True)
    _, _, usage = os.wait4(server.pid, 0)
    server.returncode = 0
    results[PROCESS] = Measured(usage.ru_utime + usage.ru_stime, 0, 0)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--place", type=Path, default=Path("/dev/shm"), help="where to work")
    options = parser.parse_args()
    adopt_orphans()
    names = (OURS, LOW_LEVEL, HIGH_LEVEL)
    with tempfile.TemporaryDirectory(dir=options.place) as temporary:
        bench = Bench(Path(temporary), options.files)
        build(bench)
        turns = alternate(options.rounds, names, lambda name: turn(name, bench))
    print("\n".join(f"- {line}" for line in hardware()))
    print(f"- {options.files} files of {FILE_BYTES} bytes, {options.rounds} round(s), medians\n")
    print(f"| | {' | '.join(names)} |\n| --- |{' ---: |' * len(names)}")
    for step in [*STEPS, PROCESS]:
        cells = [f"{summary([one[step] for one in turns[name]]).wall_s:.2f} s" for name in names]
        print(f"| {step} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
