"""How long reading takes: vinculum, Borg 1.4.5, Borg 2, restic and rustic in turns, each from its own backups.

    python benchmarks/restoring.py [--quick | --publish] [--program NAME]... [--step NAME]... [--rounds N] [--place DIRECTORY]

Small files and some large ones are backed up twice, a hundredth of them changed in between. Then each program restores them,
restores one file, lists, compares both backups, makes a tar, checks, checks all data, and deletes the first backup from a copy.
vinculum and Borg 1.4.5 do that in one repository, which vinculum fills; and in a second one, of a thousand archives, they
list, describe and prune. Turns alternate within each round.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pages
import rivals
from building import show_progress
from contenders import BASELINE
from paired import OURS, PROGRAMS, THEIRS, Failed, Measured, alternate, hardware, run, summary
from readers import CHANGING, STEPS, Stored, contenders
from report import seconds
from workloads import FILES_PER_DIRECTORY, MIB, Workload, census, let_the_clock_go

if TYPE_CHECKING:
    from collections.abc import Callable

    from contenders import Contender

FULL_SMALL, FULL_LARGE_MIB, FULL_ARCHIVES = 120_000, 512, 1000
QUICK_SCALE = 1 / 32
SMALL_AT_SCALE_1, LARGE_MIB_AT_SCALE_1 = 300_000, 4096
MANY = {
    "list": ("list", "{repository}"),
    "list, JSON": ("list", "--json", "{repository}"),
    "info of the last": ("info", "--last", "1", "{repository}"),
    "info of the repository": ("info", "{repository}"),
    "prune, dry run": ("prune", "--dry-run", "--keep-daily", "7", "--keep-last", "100", "{repository}"),
}
Turns = dict[str, list[dict[str, Measured]]]


class Outcome(NamedTuple):
    """What was measured, on what, and when."""

    date: str
    machine: list[str]
    programs: dict[str, str]
    where: str
    files: int
    size_mib: int
    steps: list[str]
    archives: int
    rounds: int
    turns: Turns
    many: Turns


class Ground(NamedTuple):
    """Where everything is, and what takes part in it."""

    place: Path
    tree: Path
    stored: dict[str, Stored]
    steps: list[str]

    def file(self) -> str:
        """One small file, from the middle of the archive."""
        small = sorted((self.tree / "small").iterdir())
        return str(sorted(small[len(small) // 2].iterdir())[FILES_PER_DIRECTORY // 2].relative_to(self.tree))


def build(tree: Path, scale: float) -> None:
    tree.mkdir()
    Workload("small", FULL_SMALL * scale / SMALL_AT_SCALE_1).build(tree / "small")
    Workload("large", FULL_LARGE_MIB * scale / LARGE_MIB_AT_SCALE_1).build(tree / "large")


def fill(contender: Contender, executable: Path, here: Path, tree: Path) -> Stored:
    """Two backups, with a hundredth of the small files changed before the second; the tree is as before afterwards."""
    here.mkdir()
    contender.prepare(executable, here)
    small = Workload("small")
    contender.back_up(executable, here, tree, "first")
    small.change(tree / "small")
    try:
        contender.back_up(executable, here, tree, "second")
    finally:
        small.change(tree / "small")
    return Stored(contender, executable, here, tree)


def admit(place: Path, tree: Path, programs: list[str] | None) -> tuple[dict[str, Stored], dict[str, str]]:
    """Repositories by label, and what is to be said about whoever takes part or cannot."""
    stored: dict[str, Stored] = {}
    said = {}
    for contender in contenders():
        label, program = contender.label, contender.program
        if programs and program not in programs:
            continue
        try:
            executable = rivals.obtain(program)
        except rivals.Unavailable as reason:
            said[label] = f"not to be had here: {' '.join(str(reason).split())}"
            continue
        said[label] = f"{rivals.version(program, executable)}; {contender.settings}"
        here = place / ("borg" if program in PROGRAMS else program)
        print(f"backing up: {label}", file=sys.stderr, flush=True)
        if here.exists():
            stored[label] = Stored(contender, executable, here, tree)
        else:
            stored[label] = fill(contender, executable, here, tree)
    return stored, said


def take_turn(label: str, ground: Ground) -> dict[str, Measured]:
    """All steps of one program."""
    stored = ground.stored[label]
    measured = {}
    for step in ground.steps:
        print(f"{label}: {STEPS[step]}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=ground.place) as temporary:
            target = Path(temporary) / "target"
            target.mkdir()
            copy = None
            if step in CHANGING:
                copy = Path(temporary) / "copy"
                shutil.copytree(stored.here, copy)
            calls = stored.do(step, ground.file(), target, copy)
            measured[step] = Measured(
                sum(call.wall_s for call in calls), sum(call.cpu_s for call in calls), max(call.peak_mib for call in calls)
            )
            _insist(step, label, target, ground)
    return measured


def _insist(step: str, label: str, target: Path, ground: Ground) -> None:
    """What is restored is all there, or the time it took means nothing."""
    if step == "restore" and census(target)[0] != census(ground.tree)[0]:
        raise Failed(f"{label}: what was restored is not what was backed up")
    if step == "one" and census(target)[0] != 1:
        raise Failed(f"{label}: that was not one file")


def fill_with_many(place: Path, archives: int) -> Path:
    """A repository of many tiny archives; the directory with it and `home`."""
    here = place / "many"
    home = here / "home"
    home.mkdir(parents=True)
    borg = PROGRAMS[OURS]
    run(borg, ["init", "--encryption", "repokey-blake2", str(here / "repository")], here, home)
    tree = here / "tiny"
    tree.mkdir()
    begun = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    for number in range(archives):
        (tree / "file").write_text(f"{number}")
        let_the_clock_go(tree)
        when = (begun + datetime.timedelta(hours=8 * number)).isoformat(timespec="seconds").removesuffix("+00:00")
        run(borg, ["create", "--timestamp", when, f"{here / 'repository'}::archive-{number:05}", tree.name], here, home)
        show_progress(number + 1, archives)
    return here


def read_many(name: str, here: Path) -> dict[str, Measured]:
    repository = str(here / "repository")
    print(f"{name}: many archives", file=sys.stderr, flush=True)
    return {
        step: run(PROGRAMS[name], [word.format(repository=repository) for word in command], here, here / "home")
        for step, command in MANY.items()
    }


def table(turns: Turns, steps: dict[str, str], baseline: str) -> list[str]:
    """Rows of steps, columns of programs: medians on the clock, in brackets how many times less than the baseline; then CPU."""
    medians = {
        label: {
            step: summary([one[step] for one in rounds if step in one]) for step in steps if all(step in one for one in rounds)
        }
        for label, rounds in turns.items()
    }
    lines = [f"| | {' | '.join(f'{label} | CPU' for label in medians)} |", f"| --- |{' ---: |' * (2 * len(medians))}"]
    for step, title in steps.items():
        cells = []
        for label, measured in medians.items():
            for figure in ("wall_s", "cpu_s"):
                if step not in measured:
                    cells.append("")
                    continue
                own, base = getattr(measured[step], figure), medians.get(baseline, {}).get(step)
                ratio = f" ({getattr(base, figure) / own:.1f})" if base and label != baseline else ""
                cells.append(seconds(own) + ratio)
        lines.append(f"| {title} | {' | '.join(cells)} |")
    peaks = [max((one.peak_mib for one in measured.values()), default=0) for measured in medians.values()]
    lines.append(f"| *memory at most, MiB* | {' | '.join(f'{peak:.0f} |' for peak in peaks)} |")
    return lines


def page(outcome: Outcome) -> str:
    """The result as Markdown."""
    lines = [
        "# Restoring, listing, comparing, checking: vinculum beside other programs",
        "",
        "Written by `benchmarks/restoring.py`, whose head says what is done. Times are medians on the clock and, as CPU, of",
        "all cores; in brackets, how many times less than Borg 1.4.5 takes.",
        "",
        *(f"- {line}" for line in outcome.machine),
        *(f"- {label}: {text}" for label, text in outcome.programs.items()),
        "",
        f"## {outcome.files} files, {outcome.size_mib} MiB",
        "",
        f"{outcome.rounds} round(s), {outcome.where}; {outcome.date}.",
        "",
        *table(outcome.turns, {step: STEPS[step] for step in outcome.steps}, BASELINE),
    ]
    if outcome.many:
        lines += ["", f"## A repository of {outcome.archives} archives", ""]
        lines += table(outcome.many, {step: step for step in MANY}, THEIRS)
    return "\n".join(lines) + "\n"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    pages.add_options(parser, rounds_to_publish=2, quick="a small part of the data, and of the archives")
    programs = sorted(one.program for one in contenders())
    parser.add_argument("--program", action="append", choices=programs, help="may be repeated; default: all")
    parser.add_argument("--step", action="append", choices=STEPS, help="may be repeated; default: all")
    parser.add_argument("--archives", type=int, help=f"in the second repository; default {FULL_ARCHIVES}, 0 for none")
    parser.add_argument("--scale", type=float, help="size of the tree, 1 being all")
    parser.add_argument("--place", type=Path, default=Path("/dev/shm"), help="where to work")
    options = pages.parse(parser, arguments)
    options.scale = options.scale or (QUICK_SCALE if options.quick else 1)
    if options.archives is None:
        options.archives = round(FULL_ARCHIVES * QUICK_SCALE) if options.quick else FULL_ARCHIVES
    return options


def measure(options: argparse.Namespace, place: Path) -> Outcome:
    tree = place / "tree"
    build(tree, options.scale)
    stored, said = admit(place, tree, options.program)
    ground = Ground(place, tree, stored, [step for step in STEPS if not options.step or step in options.step])
    files, size = census(tree)
    os.sync()
    turns: Turns = alternate(
        options.rounds, stored, lambda label: _unless_it_fails(label, said, lambda: take_turn(label, ground))
    )
    many: Turns = {}
    if options.archives:
        here = fill_with_many(place, options.archives)
        many = alternate(options.rounds, PROGRAMS, lambda name: read_many(name, here))
    return Outcome(
        date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        machine=list(hardware()),
        programs=said,
        where=f"in {options.place}",
        files=files,
        size_mib=round(size / MIB),
        steps=ground.steps,
        archives=options.archives,
        rounds=options.rounds,
        turns={label: rounds for label, rounds in turns.items() if any(rounds)},
        many=many,
    )


def _unless_it_fails(label: str, said: dict[str, str], turn: Callable[[], dict[str, Measured]]) -> dict[str, Measured]:
    """Of a program that fails, the page says why."""
    try:
        return turn()
    except Failed as failure:
        print(failure, file=sys.stderr)
        said[label] += f". Failed: {rivals.reason_in(str(failure))}"
        return {}


def main() -> None:
    options = parse()
    directory = pages.directory(options)
    with tempfile.TemporaryDirectory(dir=options.place, prefix="vinculum-restoring-") as temporary:
        outcome = measure(options, Path(temporary))
    (directory / "restore.json").write_text(json.dumps(outcome._asdict(), indent=1) + "\n")
    (directory / "restore.md").write_text(page(outcome))
    print(page(outcome))


if __name__ == "__main__":
    main()
