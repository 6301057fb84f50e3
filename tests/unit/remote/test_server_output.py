"""Lines on a server's stderr."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.rpc_sessions import SESSIONS
from vinculum.remote.server_output import LogLine, ProgressLine, TextLine, log_line, parse_line


def test_recorded_progress_is_recognised() -> None:
    lines = [line for session in SESSIONS for line in session["server_stderr_first_lines"]]
    assert lines
    for line in lines:
        found = parse_line(line)
        assert isinstance(found, ProgressLine)
        assert found.record == json.loads(line)


@pytest.mark.parametrize(
    ("line", "level", "logger", "text"),
    [
        ("$LOG WARNING borg.repository Remote: what", "warning", "borg.repository", "what"),
        ("$LOG INFO Remote: what", "info", "", "what"),
        ("$LOG odd Remote: what", "critical", "", "what"),
        ('{"type": "log_message", "levelname": "ERROR", "name": "borg.x", "message": "what"}', "error", "borg.x", "what"),
    ],
)
def test_log_messages(line: str, level: str, logger: str, text: str) -> None:
    found = parse_line(line)
    assert isinstance(found, LogLine)
    assert (found.level, found.logger, found.text) == (level, logger, text)


def test_what_we_log_is_understood() -> None:
    found = parse_line(log_line("warning", "borg.repository", "a text"))
    assert isinstance(found, LogLine)
    assert (found.level, found.logger, found.text) == ("warning", "borg.repository", "a text")


@given(st.text() | st.text().map("{".__add__) | st.text().map("$LOG ".__add__))
def test_any_other_line_is_text_or_shown_as_something(line: str) -> None:
    assert isinstance(parse_line(line), (LogLine, ProgressLine, TextLine))


PROGRESS = {
    "type": "progress_percent",
    "operation": 1,
    "msgid": "repository.check",
    "message": "5%",
    "current": 1,
    "total": 20,
    "info": ["a name"],
    "finished": False,
    "time": 1.5,
}


def test_progress_has_borgs_fields_only() -> None:
    found = parse_line(json.dumps({**PROGRESS, "more": float("nan")}))
    assert isinstance(found, ProgressLine)
    assert found.record == PROGRESS


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(field, value) for field in PROGRESS for value in ({}, [[]], {"a": []})],
        *[(field, "5") for field in ("operation", "current", "total", "info", "finished", "time")],
        *[("time", float(value)) for value in ("nan", "inf")],
        ("current", True),
        ("current", 1.5),
        ("message", None),
        ("info", [None]),
    ],
)
def test_progress_that_front_ends_could_not_take_is_text(field: str, value: object) -> None:
    assert isinstance(parse_line(json.dumps({**PROGRESS, field: value})), TextLine)


@pytest.mark.parametrize(
    "line", ["{}", '{"type": 5}', '{"type": "progress_percent", "msgid": []}', "{" * 100_000, '{"a":' * 100_000]
)
def test_odd_json_is_text(line: str) -> None:
    assert isinstance(parse_line(line), TextLine)
