"""What the runs of a journal did, in tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from torture.journal import BROKEN, MISSED, STRUCK, Journal, Task
from torture.rounds import EVERYTHING, strikes
from torture.scenarios import PLACES, SCENARIOS

KINDS = ("kill", "EIO", "ENOSPC", "short", "delay", "power", "later", "full")


def report(journal: Journal) -> None:
    """Each strike counts once, however often it was made."""
    struck = [task for task, record in journal.strikes.items() if record["end"] == STRUCK]
    print(f"{'':24}{''.join(f'{kind:>9}' for kind in KINDS)}")
    for scenario in SCENARIOS:
        _line(scenario.name, (task for task in struck if task.scenario == scenario.name))
    _line("in all", struck)
    for place in PLACES:
        _line(place, (task for task in struck if task.place == place))
    for mode in dict.fromkeys(plan.mode for plan in journal.plans):
        _line(mode, (task for task in struck if task.mode == mode))
    kills = sum(task.kind == "later" for task in struck)
    records = journal.strikes.values()
    print(f"{len(struck) - kills} faults and {kills} kill -9 at any moment;", end=" ")
    print(f"{sum(task.kind == 'kill' for task in struck)} of the faults are deaths in the middle of a call")
    print(f"Borg 1.4.5 looked {sum(bool(record.get('borg')) for record in records)} times;", end=" ")
    print(f"{sum(record['end'] == MISSED for record in records)} came too late;", end=" ")
    print(f"{sum(bool(record.get('repeated')) for record in records)} repeated")
    for number in sorted({plan.round for plan in journal.plans}):
        planned = [task for plan in journal.plans if plan.round == number for task in strikes(plan)]
        commands = sum(plan.round == number for plan in journal.plans)
        done = sum(map(journal.is_done, planned))
        print(f"round {number}: {done} of {len(planned)} strikes at {commands} of {len(EVERYTHING)} commands")
    for run in journal.runs:
        minutes = (run.ended - run.began) / 60
        print(f"run of {run.commit}: {run.strikes} strikes in {minutes:.1f} minutes by {run.workers} workers")
    print(f"broken: {len(journal.broken)}, not kept since: {len(journal.unresolved())}")
    for task, what in journal.broken:
        print(f"\n{'KEPT SINCE' if journal.is_done(task) else BROKEN.upper()} {what}")


def _line(name: str, tasks: Iterable[Task]) -> None:
    counts = Counter(task.kind for task in tasks)
    print(f"{name:24}{''.join(f'{counts[kind]:9}' for kind in KINDS)}")
