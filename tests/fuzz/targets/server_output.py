"""What a server, or the ssh before it, writes to stderr: it is shown to the user, as text and as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

from vinculum.remote.relay import Relay
from vinculum.ui.json_lines import JsonReporter
from vinculum.ui.reporter import DEBUG
from vinculum.ui.terminal import TerminalReporter

WORDS = [
    *(b'"type": "log_message"', b'"type": "progress_percent"', b'"type": "progress_message"', b'"msgid": ', b'"name": '),
    *(b'"levelname": "WARNING"', b'"message": ', b'"finished": true', b'"operation": 1', b'"current": 5', b'"info": ["x"]'),
]


def seeds() -> Iterator[bytes]:
    yield b"$LOG WARNING borg.repository Remote: something is odd\r\n$LOG INFO Remote: old\nLast login: today\n"
    yield (
        json.dumps({"type": "log_message", "levelname": "INFO", "name": "borg.x", "message": "a", "msgid": "b"}).encode()
        + b"\n"
    )
    record = {"operation": 1, "msgid": "c", "type": "progress_percent", "finished": False, "message": "10%", "current": 1}
    yield json.dumps(record).encode() + b"\n"
    yield json.dumps({**record, "type": "progress_message", "finished": True}).encode() + b"\n"


def fuzz(data: bytes) -> None:
    for reporter_class in (TerminalReporter, JsonReporter):
        shown = io.StringIO()
        relay = Relay(reporter_class(shown, level=DEBUG, progress=True))
        relay.feed(data)
        relay.finish()
        shown.getvalue().encode("utf-8", "strict")
