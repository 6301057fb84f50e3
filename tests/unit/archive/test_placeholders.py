"""Placeholders in names and locations."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from vinculum.archive.placeholders import Surroundings, replace_placeholders
from vinculum.errors import InvalidPlaceholder, PlaceholderError

HERE = Surroundings("tower.example.org", "anna", datetime(2026, 11, 23, 4, 5, 6, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("{hostname}-{user}", "tower.example.org-anna"),
        ("{utcnow}", "2026-11-23T04:05:06"),
        ("{utcnow:%Y-%m}", "2026-11"),
        ("{utcnow:%Yä}", "2026ä"),
        ("{{x}}", "{x}"),
        ("{borgversion}/{borgmajor}/{borgminor}/{borgpatch}", "1.4.5/1/1.4/1.4.5"),
        ("{unixtime}", "1795406706"),
    ],
)
def test_values(text: str, expected: str) -> None:
    assert replace_placeholders(text, HERE) == expected


def test_the_pid_is_this_process() -> None:
    assert replace_placeholders("{pid}", HERE) == str(os.getpid())


def test_now_is_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    try:
        assert replace_placeholders("{now}", HERE) == "2026-11-23T13:05:06"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_uuids_differ() -> None:
    assert replace_placeholders("{uuid4}", HERE) != replace_placeholders("{uuid4}", HERE)


@pytest.mark.parametrize("text", ["{nonsense}", "{now!r}"])
def test_unknown_names_and_conversions_are_refused(text: str) -> None:
    with pytest.raises(InvalidPlaceholder):
        replace_placeholders(text, HERE)


@pytest.mark.parametrize("text", ["{", "}", "{pid:z}"])
def test_malformed_texts_are_refused(text: str) -> None:
    with pytest.raises(PlaceholderError):
        replace_placeholders(text, HERE)
