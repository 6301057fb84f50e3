"""Reports for people: plain lines on stderr, and one line of progress that is written over and over.

A message never mixes with the progress line: that is wiped first. Output that fails is not worth failing for.
"""

from __future__ import annotations

import os

from vinculum.ui.formatting import format_size
from vinculum.ui.reporter import COUNT_BYTES, WARNING, Reporter, percent_message
from vinculum.ui.text import display, display_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from vinculum.ui.pace import Pace


class TerminalReporter(Reporter):
    """Writes to a text stream, normally stderr."""

    def __init__(self, stream: TextIO, *, iec: bool = False, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._stream = stream
        self._iec = iec
        self._line = ""
        self.for_people = stream.isatty()
        self._paces: dict[str, Pace] = {}

    def write_message(self, level: int, logger: str, text: str, msgid: str) -> None:  # noqa: ARG002
        self._wipe()
        self._write(display_text(text) + "\n")

    def write_summary(self, line: str) -> None:
        self.log(WARNING, line)

    def write_advice(self, text: str) -> None:
        self._wipe()
        self._write(f"{display_text(text)}\n")

    def write_status(self, letter: str, path: bytes) -> None:
        self._wipe()
        self._write(f"{letter} {display(path)}\n" if letter else f"{display(path)}\n")

    def write_archive_progress(self, original: int, compressed: int, deduplicated: int, files: int, path: bytes) -> None:
        sizes = [format_size(size, iec=self._iec) for size in (original, compressed, deduplicated)]
        start = f"{sizes[0]} O {sizes[1]} C {sizes[2]} D {files} N "
        if not self.for_people:
            self._write(f"{start}{display(path)}\n")  # a log file: lines to read one after the other
            return
        start += self._rate_and_rest("", original, self.expected_bytes)
        self._show(start + shorten(display(path), max(self._columns() - 1 - len(start), 10)))

    def write_archive_finished(self) -> None:
        self._paces.pop("", None)
        self._wipe()

    def write_progress(self, operation: str, current: int, total: int | None, text: str) -> None:
        self._show(shorten(display_text(self._progress_line(operation, current, total, text)), self._columns() - 1))

    def _progress_line(self, operation: str, current: int, total: int | None, text: str) -> str:
        if total is None:
            return text
        line = percent_message(operation, current, total, text)
        if not self.for_people or not total:
            return line
        rest = self._rate_and_rest(operation, current, total)
        if operation not in COUNT_BYTES:
            return f"{line} {rest}".rstrip()
        percentage, blank, what = line.partition("% ")  # what may be long comes last
        return f"{percentage}{blank}{rest}{what}"

    def _rate_and_rest(self, operation: str, done: int, total: int | None) -> str:
        """What is known of them, each with a blank behind it; without an operation, of the archive."""
        pace = self._paces.get(operation)
        if pace is None:
            from vinculum.ui.pace import Pace  # only for those who look on

            pace = self._paces[operation] = Pace()
        pace.mark(self._clock(), done)
        rate = pace.rate(iec=self._iec) if not operation or operation in COUNT_BYTES else ""
        return rate + pace.left(total)

    def write_finished(self, operation: str) -> None:
        self._paces.pop(operation, None)
        self._wipe()

    def write_relayed_progress(self, record: dict[str, object]) -> None:
        if "message" in record:
            self._show(shorten(display_text(str(record["message"])), self._columns() - 1))
        else:
            self._wipe()

    def close(self) -> None:
        self._wipe()

    def _show(self, line: str) -> None:
        padding = max(len(self._line) - len(line), 0)
        self._write(f"{line}{' ' * padding}\r")
        self._line = line

    def _wipe(self) -> None:
        if self._line:
            self._write(f"{' ' * len(self._line)}\r")
            self._line = ""

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass  # nobody listens


def shorten(text: str, columns: int) -> str:
    """`text` on one line of at most so many columns: what is too long loses its middle."""
    text = text.replace("\n", "?")
    if len(text) <= columns:
        return text
    if columns < 5:
        return text[:columns]
    head = (columns - 3) // 2
    return f"{text[:head]}...{text[len(text) - (columns - 3 - head) :]}"
