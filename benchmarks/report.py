"""Results as a Markdown page: a table for each workload and place, and what one has to know to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import limits
from contenders import CONTENDERS
from results import LIMITS
from workloads import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results import Result

STEPS = {"first": "first backup", "unchanged": "unchanged", "changed": "1 % changed"}
PLACES = {"memory": "in memory", "disk": "on disk"}
# Which step a limit is one of.
LIMIT_OF = {"cat": "first", "find": "unchanged", limits.KERNELS: "first"}
INTRODUCTION = """\
# Backing up: vinculum beside other programs

Written by `benchmarks/compare.py`; [how to run it](README.md), what the workloads are and how it measures.

![the same as bars](create.svg)

Times are medians over the rounds, on the clock and, as CPU, of all cores (user and system). In brackets: how many times less
than Borg 1.4.5 takes in the same mode; for programs without Borg's modes, than with repokey-blake2. Memory is the largest of
all calls, the size of the repository that after the first backup.
"""


def page(results: list[Result]) -> str:
    lines = [INTRODUCTION, "## Machine and programs", ""]
    machines = dict.fromkeys(line for result in results for line in result.machine)
    lines += [f"- {line}" for line in machines]
    for contender in CONTENDERS:
        for said in dict.fromkeys(one.programs[contender.label] for one in results if contender.label in one.programs):
            lines.append(f"- {contender.label}: {said}")
    for place in PLACES:
        for workload in TITLES:
            for result in results:
                if (result.workload, result.place) == (workload, place):
                    lines += ["", *block(result)]
    return "\n".join(lines) + "\n"


def block(result: Result) -> Iterator[str]:
    """The table of one result under its heading."""
    yield f"## {TITLES[result.workload].capitalize()}, {PLACES[result.place]}"
    yield ""
    yield f"{result.files} files with {result.size / 2**20:.0f} MiB; {result.rounds} round(s); {result.date}."
    yield ""
    columns = [heading for title in STEPS.values() for heading in (title, "CPU")]
    yield f"| | {' | '.join([*columns, 'memory, MiB', 'repository, MiB'])} |"
    yield f"| --- |{' ---: |' * (len(columns) + 2)}"
    for contender in CONTENDERS:
        if contender.label in result.turns:
            yield _row(result, contender.label)
    yield from _limits(result)
    for label, reason in result.failures.items():
        yield ""
        yield f"{label}: {' '.join(reason.split())}"


def _row(result: Result, label: str) -> str:
    cells = []
    for step in STEPS:
        measured = result.median(label, step)
        for figure in ("wall_s", "cpu_s"):
            ratio = result.ratio(label, step, figure)
            compared = f" ({ratio:.1f})" if ratio is not None else ""
            cells.append(f"{seconds(getattr(measured, figure))}{compared}" if measured else "")
    peak = max(measured.peak_mib for turn in result.turns[label] for measured in turn.values())
    return f"| {label} | {' | '.join(cells)} | {peak:.0f} | {result.repository_mib[label]:.0f} |"


def _limits(result: Result) -> Iterator[str]:
    """The machine's rows: each limit below the step that cannot be faster."""
    for name, title in limits.TITLES.items():
        measured = result.median(LIMITS, name)
        if measured:
            cells = [""] * (2 * len(STEPS) + 2)
            column = 2 * list(STEPS).index(LIMIT_OF[name])
            cells[column : column + 2] = [seconds(measured.wall_s), seconds(measured.cpu_s)]
            yield f"| *{title}* | {' | '.join(cells)} |"


def seconds(value: float) -> str:
    """Three digits, as more would be noise."""
    return f"{value:.0f} s" if value >= 100 else f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"
