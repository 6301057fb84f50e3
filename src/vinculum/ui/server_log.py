"""Reports of a server, which its client shows to the user: lines on stderr in the format that the client understands.

Progress is always sent, the client knows whether anybody wants to see it.
"""

from __future__ import annotations

from vinculum.remote.server_output import log_line
from vinculum.ui.json_lines import JsonReporter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


class ServerReporter(JsonReporter):
    """Speaks the older format, which knows no progress, until `speak_json` is called."""

    def __init__(self, stream: TextIO, **settings: object) -> None:
        super().__init__(stream, **{**settings, "progress": True})
        self._speaks_json = False

    def speak_json(self) -> None:
        """From now on each line is a JSON object."""
        self._speaks_json = True

    def write_record(self, record: dict[str, object]) -> None:
        if self._speaks_json:
            super().write_record(record)
        elif record["type"] == "log_message":
            level, logger = str(record["levelname"]), str(record["name"])
            for line in str(record["message"]).splitlines():
                self._write_line(log_line(level, logger, line))
