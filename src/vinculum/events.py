"""What the core tells a user interface while it works: the only way up from `operations` and below.

The core never prints and never asks; it emits events to a `Sink` that it was given. A sink must not raise.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class Sink(Protocol):
    """Receives events, all from the thread that runs the operation.

    `wants_files` and `wants_progress` say whether `status` and the progress events go anywhere: who emits them may skip the
    work of preparing them.
    """

    wants_files: bool
    wants_progress: bool

    def status(self, letter: str, path: bytes) -> None:
        """One file was dealt with; the letter is Borg's (A M U C d h s c b f i x - + E)."""

    def warning(self, text: str, modern_code: int = 1, msgid: str = "", topic: str = "", path: bytes = b"") -> None:
        """Something was odd, the work goes on; the command will end with a warning's exit code (0: as if nothing was).

        The topic says who speaks. `path` is that of the one file which this is about: those are summed up at the end.
        """

    def error(self, text: str, msgid: str = "", topic: str = "") -> None:
        """Something failed, though maybe not what is being done."""

    def info(self, text: str, topic: str = "") -> None:
        """Worth knowing at --info; with a topic (`list`, `stats`) shown exactly if the user asked for that topic.

        Other topics (`repository`, `helpers.misc`) only say who speaks.
        """

    def debug(self, text: str, topic: str = "") -> None:
        """For somebody who looks for a fault, at --debug; a topic can also be asked for alone (--debug-topic)."""

    def hears(self, topic: str) -> bool:
        """Whether that topic of `debug` was asked for alone: only then are details gathered that take time."""

    def progress(self, operation: str, current: int, total: int | None, text: str) -> None:
        """A long step (msgid `operation`) is at number `current` of `total` (or has dealt with so many bytes).

        `text` says what is at work; without a total it is the whole message.
        """

    def finished(self, operation: str) -> None:
        """That step is over."""

    def archive_progress(self, original: int, compressed: int, deduplicated: int, files: int, path: bytes) -> None:
        """A backup has taken in so much (sizes in bytes) and is at `path` now. May be called often: the sink thins it out."""

    def archive_finished(self) -> None:
        """The backup has read everything."""

    def relay(self, text: str) -> None:
        """Another program that works for us said this, nobody knows how important it is."""

    def relay_progress(self, record: dict[str, object]) -> None:
        """Another program that works for us is so far: a record of --log-json, with `message` unless it is finished."""


class NullSink:
    """Swallows every event."""

    wants_files = False
    wants_progress = False

    def status(self, letter: str, path: bytes) -> None: ...
    def warning(self, text: str, modern_code: int = 1, msgid: str = "", topic: str = "", path: bytes = b"") -> None: ...
    def error(self, text: str, msgid: str = "", topic: str = "") -> None: ...
    def info(self, text: str, topic: str = "") -> None: ...
    def debug(self, text: str, topic: str = "") -> None: ...
    def hears(self, topic: str) -> bool:  # noqa: ARG002
        return False

    def progress(self, operation: str, current: int, total: int | None, text: str) -> None: ...
    def finished(self, operation: str) -> None: ...
    def archive_progress(self, original: int, compressed: int, deduplicated: int, files: int, path: bytes) -> None: ...
    def archive_finished(self) -> None: ...
    def relay(self, text: str) -> None: ...
    def relay_progress(self, record: dict[str, object]) -> None: ...
