"""What prune keeps, against a slow twin and against the functions of Borg 1.4.5, over random histories and time zones."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reference import retention as twin
from vinculum.archive.manifest import ArchiveEntry
from vinculum.operations.retention import PERIODS, Rules, make_plan

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
]
STEPS_S = [0, 1, 20, 900, 1800, 3600, 20_000, 86_400, 86_400 * 3, 86_400 * 7, 86_400 * 25, 86_400 * 200]
HISTORIES = 4000
ASK_BORG = """
import json, os, sys, time
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
import borg.helpers.misc as misc
class Clock(datetime):
    @classmethod
    def now(cls, zone=None):
        return cls.current
misc.datetime = Clock
for case in json.load(sys.stdin):
    os.environ["TZ"] = case["zone"]
    time.tzset()
    Clock.current = datetime.fromisoformat(case["now"])
    archives = [SimpleNamespace(ts=datetime.fromisoformat(ts), id=at) for at, ts in enumerate(case["times"])]
    because = {}
    if case["within"]:
        misc.prune_within(archives, case["within"], because)
    for rule in misc.PRUNING_PATTERNS:
        misc.prune_split(archives, rule, case["counts"].get(rule, 0), because)
    print(json.dumps(because))
"""


@pytest.fixture
def zone() -> Iterator[None]:
    before = os.environ.get("TZ")
    yield
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    time.tzset()


@cache
def clock_changes(zone: str) -> list[datetime]:
    """The days in that zone at whose end clocks are not what they were at the beginning."""
    place = ZoneInfo(zone)
    days = [datetime(1971, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(365 * 66)]
    offsets = [day.astimezone(place).utcoffset() for day in days]
    return [day for day, before, after in zip(days, offsets, offsets[1:], strict=False) if before != after]


def random_end(dice: random.Random, zone: str) -> tuple[datetime, list[int]]:
    """When the newest archive of a history was made, and how long it takes to the next: around a change of the clocks, at the
    end of a year, or whenever."""
    kind = dice.choice(["change", "year", "other"])
    if kind == "change" and clock_changes(zone):
        return dice.choice(clock_changes(zone)) + timedelta(seconds=dice.randrange(86_400, 86_400 * 2)), STEPS_S[3:7]
    if kind == "year":
        year = datetime(dice.randrange(1972, 2037), 1, 1, tzinfo=UTC)
        return year + timedelta(seconds=dice.randrange(-86_400, 86_400 * 5)), STEPS_S
    return datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC) + timedelta(seconds=dice.randrange(86_400 * 500)), STEPS_S


def random_case(dice: random.Random) -> dict[str, Any]:
    zone = dice.choice(ZONES)
    moment, steps = random_end(dice, zone)
    now = moment + timedelta(seconds=dice.choice(STEPS_S))
    times = []
    scale = dice.sample(steps, 3)
    for _ in range(dice.randrange(40)):
        times.append(moment)
        moment -= timedelta(seconds=dice.choice(scale) * dice.choice([1, 1, 0.9, 1.1]))
    counts = {rule: dice.choice([1, 2, 3, 7, 30, -1]) for rule in dice.sample(list(PERIODS), dice.randrange(5))}
    within = dice.choice([0, 0, 1, 24, 7 * 24, 365 * 24])
    return {
        "zone": zone,
        "now": now.isoformat(),
        "times": [one.isoformat() for one in times],
        "counts": counts,
        "within": within,
    }


def kept_by_us(case: dict[str, Any]) -> dict[int, tuple[str, int]]:
    times = [datetime.fromisoformat(text) for text in case["times"]]
    # Later in the manifest comes first among equal times.
    entries = [ArchiveEntry(f"a{at}", at.to_bytes(32, "big"), time) for at, time in enumerate(times)][::-1]
    plan = make_plan(entries, None, Rules(case["counts"], case["within"]), datetime.fromisoformat(case["now"]))
    assert [int(entry.name[1:]) for entry in plan.entries] == list(range(len(times)))
    return {int.from_bytes(id, "big"): (reason.rule, reason.number) for id, reason in plan.kept.items()}


@pytest.mark.usefixtures("zone")
def test_everybody_keeps_the_same(borg145_python: Path) -> None:
    dice = random.Random("retention")
    cases = [random_case(dice) for _ in range(HISTORIES)]
    asked = subprocess.run(
        [borg145_python, "-c", ASK_BORG], input=json.dumps(cases), text=True, capture_output=True, check=True, timeout=60
    )
    reasons = set()
    went_back: set[str] = set()
    for case, answer in zip(cases, asked.stdout.splitlines(), strict=True):
        os.environ["TZ"] = case["zone"]
        time.tzset()
        theirs = {int(at): tuple(reason) for at, reason in json.loads(answer).items()}
        ours = kept_by_us(case)
        assert ours == theirs, case
        times = [datetime.fromisoformat(text) for text in case["times"]]
        assert ours == twin.keep(times, case["counts"], case["within"], datetime.fromisoformat(case["now"])), case
        reasons |= {rule for rule, _ in ours.values()}
        clocks = [time.astimezone().replace(tzinfo=None) for time in times]
        if clocks != sorted(clocks, reverse=True):
            went_back.add(case["zone"])
    assert went_back >= {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"}
    assert reasons >= {"within", *PERIODS, *(f"{rule}[oldest]" for rule in PERIODS)}


def entries(*names: str) -> list[ArchiveEntry]:
    """Archives, the oldest first."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    return [ArchiveEntry(name, os.urandom(32), start + timedelta(days=day)) for day, name in enumerate(names)]


@pytest.mark.parametrize(
    ("names", "glob", "kept"),
    [
        ("a b c", None, "c"),
        ("a a.checkpoint b", None, "b"),
        ("a b b.checkpoint", None, "b b.checkpoint"),
        ("a b b.checkpoint b.checkpoint.1", None, "b b.checkpoint.1"),
        ("b.checkpoint", None, "b.checkpoint"),
        ("x-1 y-1 x-2 y-2 y-3.checkpoint x-3.checkpoint.2", "x-*", "y-1 x-2 y-2 y-3.checkpoint x-3.checkpoint.2"),
        ("x y.checkpoint.7 y.checkpointed", "y", "x y.checkpoint.7 y.checkpointed"),
        ("x x.checkpoint.a", "", "x.checkpoint.a"),
        ("", None, ""),
    ],
)
def test_checkpoints_and_names(names: str, glob: str | None, kept: str) -> None:
    there = entries(*names.split())
    plan = make_plan(there, glob, Rules({"secondly": 1}))
    assert [entry.name for entry in there if entry not in plan.doomed] == kept.split()
