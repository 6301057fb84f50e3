"""How long programs take to back up: vinculum, Borg 1.4.5, Borg 2, restic, rustic and kopia in turns, on the same data.

    python benchmarks/compare.py [--quick | --publish] [--workload NAME]... [--program NAME]... [--place NAME]... [--rounds N]

Each program makes a first backup, one of the unchanged data, and one after one percent of it changed. Turns alternate within
each round, so that whatever slows the machine down meets all. The results go to a file, beside which they are shown as a page
and a picture; what is measured anew replaces what was there for the same workload and place.
"""

from __future__ import annotations

import argparse
import datetime
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import limits
import pages
import plot
import report
import rivals
from contenders import CONTENDERS
from pages import BENCH
from paired import Failed, Measured, alternate, hardware
from results import LIMITS, Result, load, save
from workloads import TITLES, Workload, census

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from contenders import Contender

PLACES = {"memory": Path("/dev/shm"), "disk": BENCH}
# Of the full size: enough to see that everything works, and what is far off.
QUICK_SCALE = 1 / 16
QUICK_SOURCE = Path("/usr/include")


class Course:
    """One workload in one place: the tree, who takes part, and what becomes of them."""

    def __init__(self, workload: Workload, place: str, directory: Path, contenders: list[Contender]) -> None:
        self._workload = workload
        self._directory = directory
        self._executables: dict[str, Path] = {}
        self._contenders: dict[str, Contender] = {}
        self._tree = directory
        self.result = Result(workload.name, place, datetime.datetime.now(tz=datetime.UTC).date().isoformat(), list(hardware()))
        for contender in contenders:
            self._admit(contender)

    def _admit(self, contender: Contender) -> None:
        """Who cannot be had takes no turns, but is not forgotten."""
        label, program = contender.label, contender.program
        try:
            executable = rivals.obtain(program)
        except rivals.Unavailable as reason:
            self.result.failures[label] = f"not to be had here: {reason}"
            return
        self._contenders[label] = contender
        self._executables[program] = executable
        version, lack = rivals.version(program, executable), rivals.shortcomings(program)
        self.result.programs[label] = f"{version}; {contender.settings}" + (f". Not the newest: {lack}" if lack else "")

    def run(self, rounds: int) -> Result:
        with tempfile.TemporaryDirectory(dir=self._directory, prefix="vinculum-bench-") as temporary:
            self._tree = Path(temporary) / "tree"
            self._workload.build(self._tree)
            self.result.files, self.result.size = census(self._tree)
            turns = alternate(rounds, [*self._contenders, LIMITS], self._turn)
        self.result.turns.update((label, calls) for label, calls in turns.items() if label not in self.result.failures)
        return self.result

    def _turn(self, label: str) -> dict[str, Measured]:
        if label in self.result.failures:
            return {}
        print(f"{self._workload.name} in {self._directory}: {label}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=self._tree.parent) as temporary:
            # What one program left to be written must not delay the next.
            os.sync()
            if label == LIMITS:
                return limits.measure(self._tree, Path(temporary))
            try:
                return dict(self._steps(self._contenders[label], Path(temporary)))
            except Failed as failure:
                print(failure, file=sys.stderr)
                self.result.failures[label] = f"failed: {rivals.reason_in(str(failure))}"
                return {}

    def _steps(self, contender: Contender, here: Path) -> Iterator[tuple[str, Measured]]:
        executable = self._executables[contender.program]
        contender.prepare(executable, here)
        yield "first", contender.back_up(executable, here, self._tree, "first")
        files = [path for path in (here / "repository").rglob("*") if path.is_file()]
        self.result.repository_mib[contender.label] = sum(path.stat().st_size for path in files) / 2**20
        yield "unchanged", contender.back_up(executable, here, self._tree, "second")
        self._workload.change(self._tree)
        try:
            yield "changed", contender.back_up(executable, here, self._tree, "third")
        finally:
            self._workload.change(self._tree)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    pages.add_options(parser, rounds_to_publish=3)
    parser.add_argument("--workload", action="append", choices=TITLES, help="may be repeated; default: all")
    parser.add_argument(
        "--program", action="append", choices=sorted({one.program for one in CONTENDERS}), help="may be repeated; default: all"
    )
    parser.add_argument("--place", action="append", choices=PLACES, help="may be repeated; default: all")
    parser.add_argument("--memory", type=Path, default=PLACES["memory"], help="a directory that is memory")
    parser.add_argument("--disk", type=Path, default=PLACES["disk"], help="a directory that is on a disk")
    parser.add_argument("--source", type=Path, help="the mixed tree; default /usr")
    parser.add_argument("--scale", type=float, help="size of the generated workloads, 1 being all")
    options = pages.parse(parser, arguments)
    options.scale = options.scale or (QUICK_SCALE if options.quick else 1)
    options.source = options.source or (QUICK_SOURCE if options.quick else Path("/usr"))
    return options


def _leave(number: int, _: FrameType | None) -> None:
    """Ends by way of the `with` blocks, as gigabytes of memory would stay behind. A second signal does not cut that short."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def main() -> None:
    options = parse()
    signal.signal(signal.SIGTERM, _leave)
    BENCH.mkdir(parents=True, exist_ok=True)
    directory = pages.directory(options)
    stored = directory / "create.json"
    results = load(stored)
    contenders = [one for one in CONTENDERS if not options.program or one.program in options.program]
    for place in options.place or PLACES:
        for name in options.workload or TITLES:
            workload = Workload(name, options.scale, options.source)
            result = Course(workload, place, getattr(options, place), contenders).run(options.rounds)
            results = [one for one in results if (one.workload, one.place) != (name, place)] + [result]
            save(stored, results)
            (directory / "create.md").write_text(report.page(results))
            (directory / "create.svg").write_text(plot.picture(results))
            print("\n".join(report.block(result)), flush=True)


if __name__ == "__main__":
    main()
