"""Which archives `prune` keeps: a pure function of their times, their names and the rules.

A rule such as "daily 7" divides local time into periods and keeps the last archive of each of the newest seven periods that
have one. Rules apply from the finest to the coarsest, and a rule does not count what a finer one keeps already; if a rule finds
fewer periods than it may keep, it keeps the oldest archive as well. Checkpoints are no backups: at most the newest one stays,
and only if nothing complete is newer.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from vinculum.archive.patterns import translate_shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vinculum.archive.manifest import ArchiveEntry

WITHIN = "within"
_CHECKPOINT = re.compile(r"\.checkpoint(\.\d+)?\Z")
_WEEKS_PER_QUARTER = 13


def _thirteen_weeks(time: datetime) -> tuple[int, ...]:
    year, week, _ = time.isocalendar()
    return year, min((week - 1) // _WEEKS_PER_QUARTER, 3)  # a 53rd week belongs to the last quarter


PERIODS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "secondly": lambda time: time.timetuple()[:6],
    "minutely": lambda time: time.timetuple()[:5],
    "hourly": lambda time: time.timetuple()[:4],
    "daily": lambda time: time.timetuple()[:3],
    "weekly": lambda time: time.isocalendar()[:2],
    "monthly": lambda time: (time.year, time.month),
    "quarterly_13weekly": _thirteen_weeks,
    "quarterly_3monthly": lambda time: (time.year, (time.month - 1) // 3),
    "yearly": lambda time: (time.year,),
}
"""The rules in the order in which they apply: what period a local time belongs to."""


class Rules(NamedTuple):
    """What to keep. `counts` says how many periods of each rule in `PERIODS`; negative ones are without limit."""

    counts: Mapping[str, int]
    within_hours: int = 0

    @property
    def keep_something(self) -> bool:
        return bool(self.within_hours) or any(self.counts.values())


class Reason(NamedTuple):
    """Why an archive is kept: it is number so-and-so of a rule."""

    rule: str
    number: int


class Plan(NamedTuple):
    """What becomes of the archives in question, the newest first."""

    entries: list[ArchiveEntry]
    kept: dict[bytes, Reason]  # by id
    checkpoints: list[ArchiveEntry]
    kept_checkpoint: ArchiveEntry | None

    def keeps(self, entry: ArchiveEntry) -> bool:
        return entry == self.kept_checkpoint or (not is_checkpoint(entry.name) and entry.id in self.kept)

    @property
    def doomed(self) -> list[ArchiveEntry]:
        """What is to be deleted."""
        return [entry for entry in self.entries if not self.keeps(entry)]


def is_checkpoint(name: str) -> bool:
    return _CHECKPOINT.search(name) is not None


def make_plan(entries: Iterable[ArchiveEntry], glob: str | None, rules: Rules, now: datetime | None = None) -> Plan:
    """The plan for the archives whose names match `glob` (all if there is none), and for their checkpoints."""
    matches = re.compile(translate_shell(glob or "*")).match
    chosen = [entry for entry in entries if matches(entry.name) or matches(_CHECKPOINT.sub("", entry.name))]
    # Ties end up in the reverse order of the manifest, as in Borg.
    chosen = sorted(chosen, key=lambda entry: entry.time)[::-1]
    checkpoints = [entry for entry in chosen if is_checkpoint(entry.name)]
    kept_checkpoint = chosen[0] if checkpoints and chosen[0] == checkpoints[0] else None
    complete = [entry for entry in chosen if not is_checkpoint(entry.name)]
    return Plan(chosen, _choose(complete, rules, now or datetime.now(UTC)), checkpoints, kept_checkpoint)


def _choose(entries: list[ArchiveEntry], rules: Rules, now: datetime) -> dict[bytes, Reason]:
    kept: dict[bytes, Reason] = {}
    if rules.within_hours:
        begin = now - timedelta(hours=rules.within_hours)
        recent = (entry for entry in entries if entry.time > begin)
        kept = {entry.id: Reason(WITHIN, number) for number, entry in enumerate(recent, 1)}
    times = [entry.time.astimezone() for entry in entries]
    for rule, period in PERIODS.items():
        count = rules.counts.get(rule, 0)
        if count:
            _apply(rule, count, entries, [period(time) for time in times], kept)
    return kept


def _apply(
    rule: str, count: int, entries: list[ArchiveEntry], periods: list[tuple[int, ...]], kept: dict[bytes, Reason]
) -> None:
    """Adds what one rule keeps; archives come the newest first."""
    number = 0
    last = None
    for entry, period in zip(entries, periods, strict=True):
        if period != last and entry.id not in kept:
            number += 1
            kept[entry.id] = Reason(rule, number)
            if number == count:
                return
        last = period
    if entries and number < count and entries[-1].id not in kept:
        kept[entries[-1].id] = Reason(f"{rule}[oldest]", number + 1)
