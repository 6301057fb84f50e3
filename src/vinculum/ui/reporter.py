"""What the two ways of reporting, text and JSON, have in common: which events are shown, and what they add up to.

A reporter is the `Sink` of a command. It decides by level and topic, thins out progress, and remembers the codes of warnings;
how a message looks is up to the subclass.
"""

from __future__ import annotations

import time

from vinculum.ui.formatting import format_size
from vinculum.ui.text import display

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vinculum.ui.summary import Affected

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
DEBUG, INFO, WARNING, ERROR = (LEVELS[name] for name in ("debug", "info", "warning", "error"))
PROGRESS_INTERVAL_S = 0.2
ROOT_LOGGER = "root"  # of what other programs say
LOGGER = "borg.archiver"  # the name that messages without a topic carry
# Messages with these topics are asked for by an option of their own, whatever the level.
OUTPUT_TOPICS = frozenset(("list", "stats", "show-rc", "show-version"))

_PERCENT_FORMS = {
    "extract": "{percent:5.1f}% Extracting: {text}",
    "export-tar": "{percent:5.1f}% Processing: {text}",
    "extract.permissions": "Setting directory permissions {percent:3.0f}%",
    "archive.calc_stats": "Calculating statistics for archive {text} ... {percent:3.0f}%",
    "archive.delete": "Decrementing references {percent:3.0f}%",
    "prune": "Pruning archives {percent:3.0f}%",
    "cache.sync": "{percent:3.0f}% Syncing chunks cache. Processing archive {text}",
    "cache.download_chunks": "Downloading chunk list... {percent:3.0f}%",
    "repository.check": "Checking segments {percent:3.1f}%",
    "check.rebuild_manifest": "Rebuilding manifest {percent:6.2f}%",
    "check.rebuild_refcounts": "Checking archives {percent:3.1f}%",
    "check.verify_data": "Verifying data {percent:6.2f}%",
    "repository.compact_segments": "Compacting segments {percent:3.0f}%",
    "repository.replay_segments": "Replaying segments {percent:3.0f}%",
}
# Steps through bytes say how many are done, and begin by counting all of them (no text); the others say which of the things is
# at work, and that one is not done yet.
COUNT_BYTES = frozenset(("extract", "export-tar"))


def _logger(topic: str) -> str:
    if topic in OUTPUT_TOPICS:
        return f"borg.output.{topic}"
    return f"borg.{topic}" if topic else LOGGER


def percent_message(operation: str, current: int, total: int, text: str) -> str:
    """The line that tells how far a step is."""
    if operation in COUNT_BYTES and not text:
        return "Finding out how much there is to extract, which takes a while for large archives"
    done = current if operation in COUNT_BYTES else max(current - 1, 0)
    percent = 100.0 * done / total if total else 0.0
    return _PERCENT_FORMS.get(operation, "{text} {percent:.1f}%").format(percent=percent, text=text)


class Reporter:
    """Base of the sinks that show something. Confined to the thread that runs the command.

    What only people gain from (advice, a summary, how long it takes) is shown `for_people` only: programs know Borg's lines.
    """

    for_people = False

    def __init__(
        self,
        *,
        level: int = WARNING,
        topics: Iterable[str] = (),
        debug_topics: Iterable[str] = (),
        status_filter: str | None = None,
        progress: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.level = level
        self.topics = frozenset(topics)
        self.debug_topics = frozenset(topic.removeprefix("borg.").removeprefix("debug.") for topic in debug_topics)
        self.status_filter = status_filter
        self.wants_files = "list" in self.topics
        self.wants_progress = progress
        self._shows_progress = progress
        self._was_asked = False
        self.warning_codes: set[int] = set()
        self._affected: dict[int, Affected] = {}
        self.expected_bytes: int | None = None  # how much a backup is going to read, if somebody knows
        self._clock = clock
        self._next_progress = float("-inf")
        self._last_percent: tuple[str, int] | None = None
        self._archive_shown = False

    # -- messages ------------------------------------------------------------------------------------------------------

    def warning(self, text: str, modern_code: int = 1, msgid: str = "", topic: str = "", path: bytes = b"") -> None:
        if modern_code:
            self.warning_codes.add(modern_code)
        if modern_code and path:
            self._note_affected(modern_code, path)
        self.log(WARNING, text, topic, msgid)

    def _note_affected(self, modern_code: int, path: bytes) -> None:
        if modern_code not in self._affected:
            from vinculum.ui.summary import Affected  # only where something is wrong

            self._affected[modern_code] = Affected()
        self._affected[modern_code].add(path)

    def sum_up(self, work: str) -> None:
        """At the end of a "backup" or "restore": which files there were warnings about, and what to do."""
        if not self._affected or not self.for_people:
            return
        from vinculum.ui.summary import lines

        for line in lines(work, self._affected):
            self.write_summary(line)

    def advise(self, text: str) -> None:
        """What to do about an error that was just told."""
        if text and self.for_people and self.level <= ERROR:
            self.write_advice(text)

    def info(self, text: str, topic: str = "") -> None:
        self.log(INFO, text, topic)

    def debug(self, text: str, topic: str = "") -> None:
        if self.level <= DEBUG or topic in self.debug_topics:
            self.write_message(DEBUG, f"borg.debug.{topic}" if topic else LOGGER, text, "")

    def hears(self, topic: str) -> bool:
        return topic in self.debug_topics

    def error(self, text: str, msgid: str = "", topic: str = "") -> None:
        """Why the command fails, or what it found to be broken."""
        self.log(ERROR, text, topic, msgid)

    def log(self, level: int, text: str, topic: str = "", msgid: str = "") -> None:
        """Shows a message if its topic was asked for or, without one, if its level is high enough."""
        if topic in self.topics if topic in OUTPUT_TOPICS else level >= self.level:
            self.write_message(level, _logger(topic), text, msgid)

    def relay(self, text: str) -> None:
        self.write_message(WARNING, ROOT_LOGGER, text, "")

    # -- files and progress --------------------------------------------------------------------------------------------

    def status(self, letter: str, path: bytes) -> None:
        if self.wants_files and (not letter or not self.status_filter or letter in self.status_filter):
            self.write_status(letter, path)

    @property
    def estimates(self) -> bool:
        """Whether anybody is told how long a backup takes, so that it pays to find out what to expect."""
        return self._shows_progress and self.for_people

    def tell_progress(self) -> None:
        """The next progress event is shown as a message, whether or not progress is shown at all."""
        self._was_asked = self.wants_progress = True

    def _answer(self, text: str) -> None:
        self._was_asked = False
        self.wants_progress = self._shows_progress
        self.write_message(INFO, LOGGER, text, "")

    def archive_progress(self, original: int, compressed: int, deduplicated: int, files: int, path: bytes) -> None:
        if self._was_asked:
            self._answer(f"{files} files with {format_size(original)} so far, at {display(path)}")
        if self.wants_progress and self._is_due():
            self._archive_shown = True
            self.write_archive_progress(original, compressed, deduplicated, files, path)

    def archive_finished(self) -> None:
        if self._archive_shown:
            self._archive_shown = False
            self.write_archive_finished()

    def progress(self, operation: str, current: int, total: int | None, text: str) -> None:
        if self._was_asked:
            self._answer(text if total is None else percent_message(operation, current, total, text))
        if not self.wants_progress:
            return
        if total is not None:
            # One line per tenth of a percent at most, and not more lines than eyes can follow.
            step = (operation, 1000 * current // total if total else 0)
            if step == self._last_percent or (current < total and not self._is_due()):
                return
            self._last_percent = step
        self.write_progress(operation, current, total, text)

    def finished(self, operation: str) -> None:
        if self.wants_progress:
            self._last_percent = None
            self._next_progress = float("-inf")
            self.write_finished(operation)

    def relay_progress(self, record: dict[str, object]) -> None:
        if self.wants_progress:
            self.write_relayed_progress(record)

    def _is_due(self) -> bool:
        now = self._clock()
        if now < self._next_progress:
            return False
        self._next_progress = now + PROGRESS_INTERVAL_S
        return True

    # -- for subclasses ------------------------------------------------------------------------------------------------

    def write_summary(self, line: str) -> None:
        """By default programs read what is written, which want no lines that Borg does not have."""

    def write_advice(self, text: str) -> None:
        """The same."""

    def write_message(self, level: int, logger: str, text: str, msgid: str) -> None:
        raise NotImplementedError

    def write_status(self, letter: str, path: bytes) -> None:
        raise NotImplementedError

    def write_archive_progress(self, original: int, compressed: int, deduplicated: int, files: int, path: bytes) -> None:
        raise NotImplementedError

    def write_archive_finished(self) -> None:
        raise NotImplementedError

    def write_progress(self, operation: str, current: int, total: int | None, text: str) -> None:
        raise NotImplementedError

    def write_finished(self, operation: str) -> None:
        raise NotImplementedError

    def write_relayed_progress(self, record: dict[str, object]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Everything has been reported."""
