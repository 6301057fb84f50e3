"""Passes on what the server, or ssh, has to say to the user."""

from __future__ import annotations

from vinculum.remote.foreign_text import harmless
from vinculum.remote.server_output import LogLine, ProgressLine, parse_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.events import Sink

_LONGEST_LINE = 1 << 20


class Relay:
    """Turns the bytes of a server's stderr into events. Every message is marked as coming from the other side."""

    def __init__(self, sink: Sink) -> None:
        self.expects_refusals = False
        """The shell may say that further sessions were refused, which is nobody's trouble."""
        self._sink = sink
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Takes the next bytes; only complete lines are passed on. Progress that overwrites itself counts as lines, too."""
        lines = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            if line.strip():
                self._pass_on(line.decode("utf-8", "replace"))

    def finish(self) -> None:
        """Nothing more will come."""
        self.feed(b"\n")

    def _pass_on(self, line: str) -> None:
        found = parse_line(line)
        if isinstance(found, LogLine):
            self._log(found, f"Remote: {harmless(found.text)}", found.logger.removeprefix("borg."))
        elif isinstance(found, ProgressLine):
            if "message" in found.record:
                found.record["message"] = f"Remote: {harmless(str(found.record['message']))}"
            self._sink.relay_progress(found.record)
        elif self.expects_refusals and found.text.startswith("channel ") and ": open failed: " in found.text:
            self._sink.debug(f"Remote: {harmless(found.text.rstrip())}", "remote")
        else:
            # Whoever said that did not know what the user wants to hear: it may be why nothing works.
            self._sink.relay(f"Remote: {harmless(found.text.rstrip())}")

    def _log(self, line: LogLine, text: str, topic: str) -> None:
        if line.level == "debug":
            self._sink.debug(text, topic)
        elif line.level == "info":
            self._sink.info(text, topic)
        elif line.level == "warning":
            self._sink.warning(text, 0, line.msgid, topic)
        else:
            self._sink.error(text, line.msgid, topic)
