"""Paired timings: how the programs are run and measured, in turns. What they are made to do is said by the scripts beside this.

Turns alternate within each round, so that whatever slows the machine down meets both. One run of one program says little.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

PROJECT = Path(__file__).resolve().parents[1]
OURS, THEIRS = "vinculum", "borg"
PROGRAMS = {OURS: PROJECT / ".venv/bin/borg", THEIRS: PROJECT / "build/oracles/borg-1.4.5/bin/borg"}
PASSPHRASE = "benchmark"
Result = TypeVar("Result")


class Measured(NamedTuple):
    """One call: time on the clock, time of all cores (user and system), largest resident memory."""

    wall_s: float
    cpu_s: float
    peak_mib: float


class Failed(SystemExit):
    """A program ended with an error. Nobody has to catch it: it ends the benchmark with what the program said."""


class Pair(NamedTuple):
    """What all rounds of one operation came to: medians of the times, the largest memory."""

    ours: Measured
    theirs: Measured

    @property
    def wall_ratio(self) -> float:
        """Above 1 vinculum is faster."""
        return self.theirs.wall_s / self.ours.wall_s

    @property
    def cpu_ratio(self) -> float:
        return self.theirs.cpu_s / self.ours.cpu_s


def environment(home: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a program runs in: `home` for all client state, and variables beside those that Borg needs."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "BORG_BASE_DIR": str(home),
        "BORG_PASSPHRASE": PASSPHRASE,
        # A repository that was copied for a turn is not where it was before.
        "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        "LANG": "C.UTF-8",
        **(settings or {}),
    }


def run(program: Path, arguments: Iterable[str], cwd: Path, home: Path, settings: Mapping[str, str] | None = None) -> Measured:
    """Runs to the end with `home` for all client state, output thrown away; a failure is raised.

    `settings` are environment variables beside those that Borg needs.
    """
    arguments = list(arguments)
    with open(home / "messages", "w+", encoding="utf-8") as messages:
        started = time.perf_counter()
        process = subprocess.Popen(
            [program, *arguments], cwd=cwd, env=environment(home, settings), stdout=subprocess.DEVNULL, stderr=messages
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        messages.seek(0)
        if process.returncode != 0:
            raise Failed(f"{program} {' '.join(arguments)} ended with exit code {process.returncode}\n{messages.read()}")
    return Measured(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def alternate(rounds: int, names: Iterable[str], turn: Callable[[str], Result]) -> dict[str, list[Result]]:
    """Calls `turn` with each name in each round, the order reversed from round to round; the results by name."""
    order = list(names)
    results: dict[str, list[Result]] = {name: [] for name in order}
    for _ in range(rounds):
        for name in order:
            results[name].append(turn(name))
        order.reverse()
    return results


def take_turns(rounds: int, turn: Callable[[Path], Mapping[str, Measured]]) -> dict[str, Pair]:
    """Calls `turn` with both programs in each round; the pair of every operation that it measures."""
    results = alternate(rounds, PROGRAMS, lambda name: turn(PROGRAMS[name]))
    operations = results[OURS][0]
    return {
        operation: Pair(*(summary([one[operation] for one in results[name]]) for name in (OURS, THEIRS)))
        for operation in operations
    }


def rows(pairs: dict[str, Pair]) -> list[str]:
    """Pairs by operation as a Markdown table."""
    lines = [
        "| | vinculum | borg | borg / vinculum | CPU: vinculum | borg | borg / vinculum | peak memory, MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for operation, pair in pairs.items():
        wall = f"{pair.ours.wall_s:.2f} s | {pair.theirs.wall_s:.2f} s | **{pair.wall_ratio:.1f}**"
        cpu = f"{pair.ours.cpu_s:.2f} s | {pair.theirs.cpu_s:.2f} s | {pair.cpu_ratio:.1f}"
        lines.append(f"| {operation} | {wall} | {cpu} | {pair.ours.peak_mib:.0f} / {pair.theirs.peak_mib:.0f} |")
    return lines


def machine() -> Iterator[str]:
    """Lines that say where this runs, and what is compared."""
    yield from hardware()
    for name, program in PROGRAMS.items():
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        yield f"{name}: {version}"


def hardware() -> Iterator[str]:
    """Lines that say where this runs."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    processor = models[0] if models else platform.machine()
    yield f"{len(os.sched_getaffinity(0))} cores ({processor}), {pages / 2**30:.0f} GiB of memory"
    yield f"{platform.system()} {platform.release()}, Python {platform.python_version()}"


def summary(calls: list[Measured]) -> Measured:
    """Medians of the times, the largest memory."""
    return Measured(
        statistics.median(call.wall_s for call in calls),
        statistics.median(call.cpu_s for call in calls),
        max(call.peak_mib for call in calls),
    )
