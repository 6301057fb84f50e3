"""`prune` does what Borg 1.4.5 does."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.trees import write_files
from support.twin_states import check_ours, state
from support.twins import Twins

pytestmark = pytest.mark.can_be_far

STAMPS = {
    "host-1": "2024-01-01T10:00:00",
    "host-2": "2024-01-01T23:30:00",
    "host-3": "2024-01-02T03:00:00",
    "other-1": "2024-01-02T04:00:00",
    "host-4": "2024-01-09T03:00:00",
    "host-5": "2024-02-28T03:00:00",
    "host-6.checkpoint": "2024-03-01T03:00:00",
    "host-6": "2024-03-02T03:00:00",
    "host-7": "2024-12-30T03:00:00",
    "host-8": "2024-12-31T23:10:00",
    "other-2.checkpoint": "2025-01-01T03:00:00",
    "host-9.checkpoint.1": "2025-01-02T03:00:00",
}
LINES = [
    "--list --info --keep-daily 2 REPO",
    "--list --info --keep-last 3 -P host- REPO",
    "--list --info --stats --keep-weekly 2 --keep-monthly=2 -y 1 -a host-* REPO",
    "--list --keep-13weekly 2 REPO",
    "--list --keep-3monthly -1 -P other- REPO",
    "--list --keep-within 9y --keep-hourly 1 REPO",
    "--list --keep-within 1d REPO",
    "--list --keep-secondly 1 --keep-minutely 1 -H 1 -d 1 -w 1 -m 1 -y 20 --quick-stats REPO",
    "--list --save-space -c -1 --force --keep-daily 1 REPO",
    "--stats --keep-daily 1 -a none* REPO",
    "REPO",
    "--keep-daily 0 REPO",
    "--list --keep-within 0d REPO",
    "--list --keep-within 3 REPO",
    "--keep-13weekly 1 --keep-3monthly 1 REPO",
]


@pytest.fixture(autouse=True)
def saved(twins: Twins, workplace: Path) -> Path:
    """Both have the same archives. What this returns brings them back."""
    twins.cwd = workplace
    for name, stamp in STAMPS.items():
        write_files(workplace, {"tree/file": name.encode() * 1000, "tree/all": b"all" * 1000})
        twins.run("theirs", "create", "--timestamp", stamp, f"REPO::{name}", "tree")
    twins.clone()
    return twins.save()


def test_prune(twins: Twins, saved: Path) -> None:
    for line in LINES:
        usage = "within 0d" in line or "within 3 " in line or "3monthly 1" in line
        twins.same("prune", "--dry-run", *line.split(), exact=True, only="code" if usage else "code stdout stderr")
        twins.same("prune", *line.split(), exact=True, only="code" if usage else "code stdout stderr")
        assert state("ours", twins) == state("theirs", twins), line
        twins.ask_borg("ours", "check", "REPO")
        twins.clone(saved)


def test_one_prune_after_the_other(twins: Twins) -> None:
    for number in (8, 5, 2, 1):
        twins.same("prune", "--list", "--stats", "--keep-last", str(number), "REPO", exact=True, code=0)
    assert state("ours", twins) == state("theirs", twins)
    check_ours(twins)


def test_periods_are_those_of_the_local_time(twins: Twins) -> None:
    """Around the night in which an hour was lived twice in Berlin, and begun anew at half past in Lord Howe's spring."""
    for number in range(12):
        moment = datetime(2024, 10, 26, 22, 10) + number * timedelta(minutes=30)  # noqa: DTZ001 Borg takes it for UTC
        twins.run("theirs", "create", "--timestamp", moment.isoformat(), f"REPO::night-{number}", "tree")
    twins.clone()
    said = set()
    for zone in ("Europe/Berlin", "UTC", "Australia/Lord_Howe", "America/New_York", "Pacific/Kiritimati"):
        hours = twins.same("prune", "--dry-run", "--list", "--keep-hourly", "9", "-a", "night-*", "REPO", exact=True, TZ=zone)
        days = twins.same("prune", "--dry-run", "--list", "--keep-daily", "9", "REPO", exact=True, TZ=zone)
        said |= {hours.err, days.err}
    assert len(said) == 10
