"""The slow, obvious twin of `operations.retention`: strftime for periods, and each rule as a search."""

from __future__ import annotations

from datetime import datetime, timedelta

FORMATS = {
    "secondly": "%Y %j %H %M %S",
    "minutely": "%Y %j %H %M",
    "hourly": "%Y %j %H",
    "daily": "%Y %j",
    "weekly": "%G %V",
    "monthly": "%Y %m",
    "quarterly_13weekly": "",
    "quarterly_3monthly": "",
    "yearly": "%Y",
}


def period(rule: str, time: datetime) -> str:
    local = time.astimezone()
    if rule == "quarterly_13weekly":
        week = int(local.strftime("%V"))
        quarter = next(number for number, end in ((1, 13), (2, 26), (3, 39), (4, 53)) if week <= end)
        return local.strftime(f"%G {quarter}")
    if rule == "quarterly_3monthly":
        return local.strftime(f"%Y {'111222333444'[local.month - 1]}")
    return local.strftime(FORMATS[rule])


def keep(times: list[datetime], counts: dict[str, int], within_hours: int, now: datetime) -> dict[int, tuple[str, int]]:
    """Position -> (rule, number) of what is kept; `times` have the newest first."""
    kept: dict[int, tuple[str, int]] = {}
    for at, time in enumerate(times):
        if within_hours and now - time < timedelta(hours=within_hours):
            kept[at] = ("within", len(kept) + 1)
    for rule in FORMATS:
        wanted, number = counts.get(rule, 0), 0
        periods = [period(rule, time) for time in times]
        for at in range(len(times)):
            if number != wanted and at not in kept and (at == 0 or periods[at] != periods[at - 1]):
                number += 1
                kept[at] = (rule, number)
        if times and number < wanted and len(times) - 1 not in kept:
            kept[len(times) - 1] = (f"{rule}[oldest]", number + 1)
    return kept
