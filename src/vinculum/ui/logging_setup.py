"""Chooses where reports go: terminal, JSON lines, or Python's logging where the user has configured that.

The `logging` module costs a third of a command's start-up, so it is imported only if a configuration file asks for it.
"""

from __future__ import annotations

import sys

from vinculum.ui.reporter import LEVELS
from vinculum.ui.terminal import TerminalReporter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from vinculum.ui.reporter import Reporter


def open_reporter(
    *,
    level: str,
    topics: Iterable[str] = (),
    debug_topics: Iterable[str] = (),
    status_filter: str | None = None,
    progress: bool = False,
    iec: bool = False,
    as_json: bool = False,
    logging_config: str | None = None,
    stream: TextIO | None = None,
    for_clients: bool = False,
) -> Reporter:
    """The sink that the options call for. `logging_config` is the path of a configuration file for `logging`.

    What is `for_clients` goes to another machine, whatever else was asked for.
    """
    settings: dict[str, object] = {
        "level": LEVELS[level],
        "topics": topics,
        "debug_topics": debug_topics,
        "status_filter": status_filter,
        "progress": progress,
    }
    stream = stream or sys.stderr
    if for_clients:
        from vinculum.ui.server_log import ServerReporter  # servers only

        return ServerReporter(stream, **settings)
    if logging_config:
        from vinculum.ui.python_logging import LoggingReporter  # only here, see above

        return LoggingReporter(stream, logging_config, iec=iec, **settings)
    if as_json:
        from vinculum.ui.json_lines import JsonReporter  # json is not worth loading otherwise

        return JsonReporter(stream, **settings)
    return TerminalReporter(stream, iec=iec, **settings)
