from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vinculum.formats.times import format_timestamp, parse_timestamp

moments = st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments)
def test_moments_survive(moment: datetime) -> None:
    assert parse_timestamp(format_timestamp(moment)) == moment


@given(moments, moments)
def test_texts_sort_like_moments(one: datetime, other: datetime) -> None:
    assert (format_timestamp(one) < format_timestamp(other)) == (one < other)


def test_fraction_is_always_written_and_zones_are_converted() -> None:
    moment = datetime(2026, 7, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert format_timestamp(moment) == "2026-06-30T23:30:00.000000"


def test_fraction_may_be_missing() -> None:
    assert parse_timestamp("2026-06-30T23:30:05") == datetime(2026, 6, 30, 23, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-06-30",
        "2026-06-30 23:30:05",
        "2026-06-30T23:30:05Z",
        "2026-06-30T23:30:05+00:00",
        "2026-06-30T23:30:05.123",
        "2026-06-30T23:30:05,123456",
        "2026-06-30T23:30:05.12345x",
        "2026-W26-2T23:30:05.123456",
        "2026-13-30T23:30:05",
        "٢٠٢٦-06-30T23:30:05",
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the texts come from datetime in part)
        parse_timestamp(text)


def test_moment_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        format_timestamp(datetime(2026, 1, 1))  # noqa: DTZ001
