"""What a server says reaches the user, marked as the server's."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from vinculum.events import NullSink
from vinculum.remote.relay import Relay


class Listener(NullSink):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, ...]] = []
        self.records: list[dict[str, object]] = []

    def warning(self, text: str, modern_code: int = 1, msgid: str = "", topic: str = "", path: bytes = b"") -> None:  # noqa: ARG002
        self.heard.append(("warning", text, str(modern_code), msgid, topic))

    def error(self, text: str, msgid: str = "", topic: str = "") -> None:
        self.heard.append(("error", text, msgid, topic))

    def info(self, text: str, topic: str = "") -> None:
        self.heard.append(("info", text, topic))

    def debug(self, text: str, topic: str = "") -> None:
        self.heard.append(("debug", text, topic))

    def relay(self, text: str) -> None:
        self.heard.append(("relay", text))

    def relay_progress(self, record: dict[str, object]) -> None:
        self.records.append(record)


def heard(*pieces: bytes) -> Listener:
    listener = Listener()
    relay = Relay(listener)
    for piece in pieces:
        relay.feed(piece)
    relay.finish()
    return listener


def logged(level: str, text: str) -> bytes:
    record = {"type": "log_message", "levelname": level, "name": "borg.repository", "message": text, "msgid": "x"}
    return json.dumps(record).encode() + b"\n"


def test_each_level_is_kept() -> None:
    assert heard(logged("DEBUG", "a"), logged("INFO", "b"), logged("WARNING", "c"), logged("ERROR", "d")).heard == [
        ("debug", "Remote: a", "repository"),
        ("info", "Remote: b", "repository"),
        ("warning", "Remote: c", "0", "x", "repository"),
        ("error", "Remote: d", "x", "repository"),
    ]


@given(st.lists(st.integers(1, 30), min_size=1))
def test_lines_are_put_together(cuts: list[int]) -> None:
    data = logged("INFO", "grün") + b"ssh: no such host\nhalf a line\r" + logged("INFO", "b") + b"no end"
    pieces = []
    for cut in cuts:
        pieces.append(data[:cut])
        data = data[cut:]
    assert heard(*pieces, data).heard == [
        ("info", "Remote: grün", "repository"),
        ("relay", "Remote: ssh: no such host"),
        ("relay", "Remote: half a line"),
        ("info", "Remote: b", "repository"),
        ("relay", "Remote: no end"),
    ]


def test_progress_is_marked_too() -> None:
    record = {"type": "progress_percent", "msgid": "repository.check", "message": "5%", "finished": False}
    end = {"type": "progress_percent", "msgid": "repository.check", "finished": True}
    listener = heard(json.dumps(record).encode() + b"\n", json.dumps(end).encode() + b"\n")
    assert listener.records == [{**record, "message": "Remote: 5%"}, end]


def test_nothing_that_a_server_says_commands_a_terminal() -> None:
    evil = "\x1b[2K\x1b]52;c;x\x07\x9b2Kfine\ttext\x7f"
    record = {"type": "progress_message", "msgid": "x", "message": evil, "finished": False}
    listener = heard(logged("ERROR", evil), f"{evil}\n$LOG INFO Remote: {evil}\n".encode(), json.dumps(record).encode() + b"\n")
    texts = [event[1] for event in listener.heard] + [str(record["message"]) for record in listener.records]
    assert texts == ["Remote: ?[2K?]52;c;x??2Kfine\ttext?"] * 4


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    relay = Relay(Listener())
    for _ in range(40):
        relay.feed(bytes(100_000).replace(b"\0", b"x"))
    assert len(relay._rest) <= (1 << 20) + 100_000
