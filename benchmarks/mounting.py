"""Paired timings of mounts: coming up, listing, walking, reading small and large files; and what the mounting process takes.

    python benchmarks/mounting.py [--files N] [--large MIB] [--archives N] [--rounds N] [--step NAME ...]

vinculum fills one repository with an archive of small files beside four large ones, and another with many tiny archives. In
each turn one program mounts the archive, somebody lists, walks and reads, and unmounts; then the many archives are mounted.
Turns alternate. The result is a Markdown table. Needs root, and Debian's python3-llfuse for Borg.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from paired import OURS, PASSPHRASE, PROGRAMS, Measured, alternate, machine, run, summary
from workloads import Workload

SMALL_AT_FULL_SIZE, LARGE_MIB_AT_FULL_SIZE = 300_000, 4096
FILES_PER_DIRECTORY = 100
PR_SET_CHILD_SUBREAPER = 36
WALK = "find . -printf '%s\\n' | wc -l"
STEPS = {
    "first ls": "ls > /dev/null",
    "find -printf %s": WALK,
    "find, second time": WALK,
    "tar of small files": "ls -d small/* | head -n {directories} | tar --create --files-from - | wc -c",
    "reading large files": "cat large/* | wc -c",
}
FIRST = next(iter(STEPS))
MANY = "first ls, many archives"
PROCESS = "the mounting process"


class Bench(NamedTuple):
    """Where everything is."""

    built: Path
    place: Path
    binding: Path
    tarred_files: int
    steps: list[str]


def build(bench: Bench, files: int, large_mib: int, archives: int) -> None:
    """Leaves the repositories `one` and `many` and their `home` where they belong; complete if that exists."""
    unfinished = bench.built.with_name(f"{bench.built.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    home, tree = unfinished / "home", unfinished / "tree"
    for path in (home, tree):
        path.mkdir(parents=True)
    Workload("small", files / SMALL_AT_FULL_SIZE).build(tree / "small")
    Workload("large", large_mib / LARGE_MIB_AT_FULL_SIZE).build(tree / "large")
    borg = PROGRAMS[OURS]
    for name in ("one", "many"):
        run(borg, ["init", "--encryption", "repokey-blake2", str(unfinished / name)], home, home)
    run(borg, ["create", f"{unfinished / 'one'}::all", "."], tree, home)
    shutil.rmtree(tree)
    (unfinished / "tiny").write_text("tiny")
    for number in range(archives):
        run(borg, ["create", f"{unfinished / 'many'}::archive-{number:05}", "tiny"], unfinished, home)
        print(f"\rbuilding: archive {number + 1} of {archives} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    unfinished.rename(bench.built)


class Mount:
    """A mounted repository or archive; `measure` what is done in it, then `end` it."""

    def __init__(self, program: Path, location: str, bench: Bench) -> None:
        self._place = bench.place / "mnt"
        self._place.mkdir(exist_ok=True)
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(bench.built / "home"),
            "BORG_BASE_DIR": str(bench.built / "home"),
            "BORG_PASSPHRASE": PASSPHRASE,
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
            "PYTHONPATH": str(bench.binding),
        }
        self._started = time.perf_counter()
        subprocess.run([program, "mount", location, self._place], check=True, env=self._environment, stdin=subprocess.DEVNULL)

    def measure(self, script: str, *, since_start: bool = False) -> Measured:
        started = self._started if since_start else time.perf_counter()
        subprocess.run(["/bin/sh", "-c", script], cwd=self._place, check=True, stdout=subprocess.DEVNULL)
        return Measured(time.perf_counter() - started, 0, 0)

    def end(self) -> Measured:
        """Unmounts, and says what the process took in all."""
        time.sleep(0.2)
        subprocess.run(["umount", self._place], check=True)
        # The program that we started left it to us, see `adopt_orphans`.
        _, _, usage = os.wait4(-1, 0)
        return Measured(time.perf_counter() - self._started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def turn(program: Path, bench: Bench) -> dict[str, Measured]:
    """One program, all steps."""
    mount = Mount(program, f"{bench.built / 'one'}::all", bench)
    results = {}
    for step in bench.steps:
        script = STEPS[step]
        command = script.format(directories=bench.tarred_files // FILES_PER_DIRECTORY)
        results[step] = mount.measure(command, since_start=step == FIRST)
        print(f"{program.parts[-3]}: {step}: {results[step].wall_s:.2f} s", file=sys.stderr, flush=True)
    results[PROCESS] = mount.end()
    if FIRST in bench.steps:
        mount = Mount(program, str(bench.built / "many"), bench)
        results[MANY] = mount.measure("ls > /dev/null", since_start=True)
        mount.end()
    return results


def adopt_orphans() -> None:
    """Processes that go to the background become children of this one, so that it can ask the system what they took."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise SystemExit("cannot become the parent of what goes to the background")


def provide_binding(place: Path) -> Path:
    """A directory with nothing but Debian's FUSE binding for Borg's interpreter."""
    binding = place / "binding"
    binding.mkdir()
    for path in Path("/usr/lib/python3/dist-packages").glob("llfuse*"):
        (binding / path.name).symlink_to(path)
    if not any(binding.iterdir()):
        raise SystemExit("Borg needs its FUSE binding: apt-get install python3-llfuse")
    return binding


def rows(results: dict[str, dict[str, Measured]]) -> list[str]:
    """The result as a Markdown table."""
    lines = ["| | vinculum | borg | borg / vinculum |", "| --- | ---: | ---: | ---: |"]
    ours, theirs = results
    for step in [*STEPS, MANY]:
        if step in results[ours]:
            one, other = results[ours][step].wall_s, results[theirs][step].wall_s
            lines.append(f"| {step} | {one:.2f} s | {other:.2f} s | **{other / one:.1f}** |")
    one, other = results[ours][PROCESS], results[theirs][PROCESS]
    lines.append(f"| CPU of {PROCESS} | {one.cpu_s:.2f} s | {other.cpu_s:.2f} s | {other.cpu_s / one.cpu_s:.1f} |")
    lines.append(
        f"| its peak memory | {one.peak_mib:.0f} MiB | {other.peak_mib:.0f} MiB | {other.peak_mib / one.peak_mib:.1f} |"
    )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000, help="small files in the archive")
    parser.add_argument("--tar", type=int, default=30_000, metavar="FILES", help="how many of them to tar")
    parser.add_argument("--large", type=int, default=1024, metavar="MIB", help="how much there is in four large files")
    parser.add_argument("--archives", type=int, default=1000, help="in the repository with many")
    parser.add_argument("--step", action="append", choices=STEPS, help="what to measure (default: everything)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--place", type=Path, default=Path("/dev/shm"), help="where to work")
    parser.add_argument("--built", type=Path, metavar="DIRECTORY", help="keep what was built there, and use it if it exists")
    options = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory(dir=options.place) as temporary:
        place = Path(temporary)
        bench = Bench(options.built or place / "built", place, provide_binding(place), options.tar, options.step or list(STEPS))
        if not bench.built.exists():
            build(bench, options.files, options.large, options.archives)
        turns = alternate(options.rounds, PROGRAMS, lambda name: turn(PROGRAMS[name], bench))
    results = {
        name: {step: summary([one[step] for one in of_program]) for step in of_program[0]} for name, of_program in turns.items()
    }
    print("\n".join(f"- {line}" for line in machine()))
    print(f"- {options.files} small files, {options.tar} of them in the tar; {options.large} MiB in four large ones;")
    print(f"  {options.archives} archives in the other repository; repokey-blake2, lz4, in {options.place}")
    print(f"- {options.rounds} round(s), medians\n")
    print("\n".join(rows(results)))


if __name__ == "__main__":
    main()
