"""Paired timings of mounts: coming up, listing, walking, reading small and large files; and what the mounting process takes.

    python benchmarks/mounting.py [--files N] [--large MIB] [--archives N] [--rounds N] [--scene NAME ...] [--publish]

vinculum fills one repository with an archive of small files beside four large ones, and another with many tiny archives. In
each scene one program mounts one of them, somebody lists, walks or reads, and unmounts. Turns alternate. The result is a
Markdown table; `--publish` writes it into docs/benchmarks/mount.md. Needs root, and Debian's python3-llfuse for Borg.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from building import add_options, building, show_progress, working_place
from orphans import adopt_orphans, the_orphan
from pages import PAGES
from paired import OURS, PROGRAMS, THEIRS, Measured, alternate, environment, machine, run, summary
from workloads import FILES_PER_DIRECTORY, Workload

SMALL_AT_FULL_SIZE, LARGE_MIB_AT_FULL_SIZE = 300_000, 4096
PAGE = PAGES / "mount.md"
LIST = "ls > /dev/null"
WALK = "find . -printf '%s\\n' | wc -l"
FIRST = "first ls of the archive, from starting the program"
MANY = "first ls of the repository, from starting the program"
# What is mounted, and what is done there.
SCENES = {
    "walking": ("one::all", {FIRST: LIST, "find -printf %s": WALK, "find, second time": WALK}),
    "reading": (
        "one::all",
        {
            "tar of small files": "ls -d small/* | head -n {directories} | tar --create --files-from - | wc -c",
            "reading large files": "cat large/* | wc -c",
        },
    ),
    "many archives": ("many", {MANY: LIST}),
}
PROCESS = "the mounting process"
INTRODUCTION = """\
# Mounting

Written by `benchmarks/mounting.py --publish`, up to the first heading. The same archive is mounted with vinculum and with
Borg 1.4.5 (llfuse) in turns; its root is listed, it is walked twice; in another mount small files are packed and large ones
read; and then a repository of many archives is mounted.
"""


class Bench(NamedTuple):
    """Where everything is."""

    built: Path
    place: Path
    binding: Path
    tarred_files: int
    scenes: list[str]


def build(bench: Bench, files: int, large_mib: int, archives: int) -> None:
    """Leaves the repositories `one` and `many` and their `home` where they belong."""
    borg = PROGRAMS[OURS]
    with building(bench.built) as unfinished:
        home, tree = unfinished / "home", unfinished / "tree"
        for path in (home, tree):
            path.mkdir()
        Workload("small", files / SMALL_AT_FULL_SIZE).build(tree / "small")
        Workload("large", large_mib / LARGE_MIB_AT_FULL_SIZE).build(tree / "large")
        for name in ("one", "many"):
            run(borg, ["init", "--encryption", "repokey-blake2", str(unfinished / name)], home, home)
        run(borg, ["create", f"{unfinished / 'one'}::all", "."], tree, home)
        shutil.rmtree(tree)
        (unfinished / "tiny").write_text("tiny")
        for number in range(archives):
            run(borg, ["create", f"{unfinished / 'many'}::archive-{number:05}", "tiny"], unfinished, home)
            show_progress(number + 1, archives)


class Mount:
    """A mounted repository or archive; `measure` what is done in it, then `end` it."""

    def __init__(self, program: Path, location: str, bench: Bench) -> None:
        self._place = bench.place / "mnt"
        self._place.mkdir(exist_ok=True)
        variables = environment(bench.built / "home", {"PYTHONPATH": str(bench.binding)})
        self._started = time.perf_counter()
        subprocess.run([program, "mount", location, self._place], check=True, env=variables, stdin=subprocess.DEVNULL)
        self._server: int | None = None

    def measure(self, script: str, *, since_start: bool = False) -> Measured:
        started = self._started if since_start else time.perf_counter()
        subprocess.run(["/bin/sh", "-c", script], cwd=self._place, check=True, stdout=subprocess.DEVNULL)
        ended = time.perf_counter()
        self._server = self._server or the_orphan()
        return Measured(ended - started, 0, 0)

    def end(self) -> Measured:
        """Unmounts, and says what the process took in all."""
        time.sleep(0.2)
        subprocess.run(["umount", self._place], check=True)
        _, _, usage = os.wait4(self._server or the_orphan(), 0)
        return Measured(time.perf_counter() - self._started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def turn(program: Path, bench: Bench) -> dict[str, dict[str, Measured]]:
    """One program, all scenes."""
    results: dict[str, dict[str, Measured]] = {}
    for scene in bench.scenes:
        location, steps = SCENES[scene]
        mount = Mount(program, str(bench.built / location), bench)
        results[scene] = {}
        for step, script in steps.items():
            command = script.format(directories=bench.tarred_files // FILES_PER_DIRECTORY)
            results[scene][step] = mount.measure(command, since_start=step in (FIRST, MANY))
            print(f"{program.parts[-3]}: {step}: {results[scene][step].wall_s:.2f} s", file=sys.stderr, flush=True)
        results[scene][PROCESS] = mount.end()
    return results


def provide_binding(place: Path) -> Path:
    """A directory with nothing but Debian's FUSE binding for Borg's interpreter."""
    binding = place / "binding"
    binding.mkdir()
    for path in Path("/usr/lib/python3/dist-packages").glob("llfuse*"):
        (binding / path.name).symlink_to(path)
    if not any(binding.iterdir()):
        raise SystemExit("Borg needs its FUSE binding: apt-get install python3-llfuse")
    return binding


def report(turns: dict[str, list[dict[str, dict[str, Measured]]]], options: argparse.Namespace) -> str:
    """The result as a list of what was measured where, and a table."""
    scenes = turns[OURS][0]
    today = datetime.datetime.now(tz=datetime.UTC).date()
    lines = [f"- {line}" for line in machine()]
    lines += [
        f"- {options.files} files of 0.1 to 8 KiB, {options.tar} of them in the tar; {options.large} MiB in four large ones,",
        f"  half of them noise; {options.archives} archives in the other repository; all in memory; repokey-blake2, lz4",
        f"- {options.rounds} round(s), medians of the times, the largest memory; {today}",
        "",
        "| | vinculum | borg | borg / vinculum |",
        "| --- | ---: | ---: | ---: |",
    ]
    for scene, steps in scenes.items():
        for step in steps:
            ours, theirs = (summary([one[scene][step] for one in turns[name]]) for name in (OURS, THEIRS))
            if step != PROCESS:
                lines.append(_row(step, ours.wall_s, theirs.wall_s, "s", 2))
                continue
            lines.append(_row(f"{scene}: CPU of {PROCESS}", ours.cpu_s, theirs.cpu_s, "s", 2))
            lines.append(_row(f"{scene}: its peak memory", ours.peak_mib, theirs.peak_mib, "MiB", 0))
    return "\n".join(lines) + "\n"


def _row(title: str, ours: float, theirs: float, unit: str, digits: int) -> str:
    return f"| {title} | {ours:.{digits}f} {unit} | {theirs:.{digits}f} {unit} | **{theirs / ours:.1f}** |"


def publish(text: str) -> None:
    """Replaces what the page says before its first heading; the rest was written by people."""
    explained = PAGE.read_text().partition("\n## ")
    PAGE.write_text(f"{INTRODUCTION}\n{text}{''.join(explained[1:])}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000, help="small files in the archive")
    parser.add_argument("--tar", type=int, default=30_000, metavar="FILES", help="how many of them to tar")
    parser.add_argument("--large", type=int, default=1024, metavar="MIB", help="how much there is in four large files")
    parser.add_argument("--archives", type=int, default=1000, help="in the repository with many")
    parser.add_argument("--scene", action="append", choices=SCENES, help="what to measure (default: everything)")
    add_options(parser)
    parser.add_argument("--publish", action="store_true", help="write the result into the documentation")
    options = parser.parse_args()
    adopt_orphans()
    with working_place(options) as (place, built):
        bench = Bench(built, place, provide_binding(place), options.tar, options.scene or list(SCENES))
        if not built.exists():
            build(bench, options.files, options.large, options.archives)
        turns = alternate(options.rounds, PROGRAMS, lambda name: turn(PROGRAMS[name], bench))
    text = report(turns, options)
    print(text, end="")
    if options.publish:
        publish(text)


if __name__ == "__main__":
    main()
