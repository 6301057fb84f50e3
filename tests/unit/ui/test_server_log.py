"""A server's reports in the two formats that clients understand."""

from __future__ import annotations

import io
import json

from vinculum.remote.server_output import LogLine, ProgressLine, parse_line
from vinculum.ui.reporter import INFO
from vinculum.ui.server_log import ServerReporter


def test_the_older_format_before_the_client_is_known() -> None:
    stream = io.StringIO()
    reporter = ServerReporter(stream, level=INFO)
    reporter.info("one\ntwo", "repository")
    reporter.progress("repository.compact_segments", 1, 2, "")
    assert stream.getvalue() == "$LOG INFO borg.repository Remote: one\n$LOG INFO borg.repository Remote: two\n"
    line = parse_line(stream.getvalue().splitlines()[0])
    assert isinstance(line, LogLine)
    assert (line.level, line.text) == ("info", "one")


def test_json_as_soon_as_the_client_understands_it() -> None:
    stream = io.StringIO()
    reporter = ServerReporter(stream)
    reporter.speak_json()
    reporter.warning("odd", 0, topic="repository")
    reporter.progress("repository.compact_segments", 1, 2, "")
    reporter.finished("repository.compact_segments")
    lines = stream.getvalue().splitlines()
    assert [type(parse_line(line)) for line in lines] == [LogLine, ProgressLine, ProgressLine]
    assert [json.loads(line).get("msgid") for line in lines[1:]] == ["repository.compact_segments"] * 2
