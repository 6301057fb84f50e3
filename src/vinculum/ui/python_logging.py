"""Reports through Python's `logging`, as a file named by BORG_LOGGING_CONF configures it.

Messages go to Borg's logger names (`borg.archiver`, `borg.output.list` ...); progress stays on the terminal.
"""

from __future__ import annotations

import logging
import logging.config

from vinculum.ui.terminal import TerminalReporter
from vinculum.ui.text import display, display_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


class LoggingReporter(TerminalReporter):
    """A terminal reporter whose messages take the way through `logging`."""

    def __init__(self, stream: TextIO, config_path: str, *, iec: bool = False, **settings: object) -> None:
        super().__init__(stream, iec=iec, **settings)
        logging.config.fileConfig(config_path, disable_existing_loggers=False)

    def write_message(self, level: int, logger: str, text: str, msgid: str) -> None:
        self._wipe()
        logging.getLogger(logger).log(level, "%s", display_text(text), extra={"msgid": msgid})

    def write_status(self, letter: str, path: bytes) -> None:
        self.write_message(logging.INFO, "borg.output.list", f"{letter} {display(path)}".lstrip(), "")
