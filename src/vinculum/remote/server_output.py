"""What servers write to stderr, line by line: log messages and progress as JSON, or in the older form with `$LOG`.

Parsing only: what becomes of a line is the client's business. Nothing that a server writes raises: what is neither of the
two, such as a message of ssh's or a traceback, is text.
"""

from __future__ import annotations

from math import isfinite

from vinculum.formats.json_text import parse_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOG_MARK = "$LOG "
LEVELS = {"DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "error", "CRITICAL": "critical"}
_PROGRESS = ("progress_percent", "progress_message")
# The fields of a record of progress; front-ends rely on what they are, where they are there.
_PROGRESS_TYPES: dict[str, tuple[type, ...]] = {
    "type": (str,),
    "msgid": (str,),
    "operation": (int,),
    "message": (str,),
    "current": (int,),
    "total": (int,),
    "info": (list, type(None)),
    "finished": (bool,),
    "time": (int, float),
}


class LogLine:
    """A log message. `level` is one of `LEVELS`' values; `logger` the name of who speaks, like `borg.repository`."""

    __slots__ = ("level", "logger", "msgid", "text")

    def __init__(self, level: str, logger: str, text: str, msgid: str = "") -> None:
        self.level = level
        self.logger = logger
        self.text = text
        self.msgid = msgid


class ProgressLine:
    """A step at work: a JSON record of type `progress_percent` or `progress_message`, with no other fields than Borg's."""

    __slots__ = ("record",)

    def __init__(self, record: dict[str, object]) -> None:
        self.record = record


class TextLine:
    """Anything else."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def log_line(level: str, logger: str, text: str) -> str:
    """A log message in the older form, for clients before they have negotiated; without the end of the line."""
    return f"{LOG_MARK}{level.upper()} {logger} Remote: {text}"


def parse_line(line: str) -> LogLine | ProgressLine | TextLine:
    """What one line, without its end, says."""
    if line.startswith("{"):
        return _parse_json(line) or TextLine(line)
    if line.startswith(LOG_MARK):
        level, _, text = line[len(LOG_MARK) :].partition(" ")
        logger = ""
        if not text.startswith("Remote:"):
            logger, _, text = text.partition(" ")
        return LogLine(LEVELS.get(level, "critical"), logger, text.removeprefix("Remote:").strip())
    return TextLine(line)


def _parse_json(line: str) -> LogLine | ProgressLine | None:
    try:
        record: Any = parse_json(line)
    except ValueError:
        return None
    kind = record.get("type")
    if kind in _PROGRESS:
        return _parse_progress(record)
    if kind != "log_message":
        return None
    return LogLine(
        LEVELS.get(str(record.get("levelname")), "critical"),
        str(record.get("name", "")),
        str(record.get("message", "")),
        str(record.get("msgid", "")),
    )


def _parse_progress(record: dict[str, object]) -> ProgressLine | None:
    known = {name: value for name, value in record.items() if name in _PROGRESS_TYPES}
    info, time = known.get("info"), known.get("time")
    is_odd = (
        any(type(value) not in _PROGRESS_TYPES[name] for name, value in known.items())
        or (isinstance(info, list) and not {*map(type, info)} <= {str})
        or (isinstance(time, float) and not isfinite(time))
    )
    return None if is_odd else ProgressLine(known)
