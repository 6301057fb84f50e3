"""Reports for programs (`--log-json`): one JSON object per line on stderr, in Borg's shapes.

Programs match on `type`, `msgid`, `levelname` and `name`; fields may be added, never renamed.
"""

from __future__ import annotations

import json
import time

from vinculum import warning_codes
from vinculum.ui.reporter import LEVELS, Reporter, percent_message
from vinculum.ui.text import display, display_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

LEVEL_NAMES = {value: name.upper() for name, value in LEVELS.items()}
# Operations that Borg gives the msgid of another.
_STEP_IDS = {"export-tar": "extract"}

# Steps that Borg never gets to tell of. Front-ends take any percentage that comes with an extraction for one of its bytes.
_UNTOLD = frozenset(("extract.permissions",))

# Operations whose text is for the message only, as in Borg.
_KEEP_INFO = frozenset(("archive.calc_stats",))


class _Step:
    """One long step: programs tell steps apart by their number."""

    __slots__ = ("kind", "number")

    def __init__(self, number: int, kind: str) -> None:
        self.number = number
        self.kind = kind


class JsonReporter(Reporter):
    """Writes to a text stream, normally stderr."""

    def __init__(self, stream: TextIO, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._stream = stream
        self._steps: dict[str, _Step] = {}
        self._started = 0

    def warning(self, text: str, modern_code: int = 1, msgid: str = "", topic: str = "", path: bytes = b"") -> None:
        super().warning(text, modern_code, msgid or warning_codes.MSGIDS.get(modern_code, ""), topic, path)

    def write_message(self, level: int, logger: str, text: str, msgid: str) -> None:
        record = {
            "type": "log_message",
            "time": time.time(),
            "message": display_text(text),
            "levelname": LEVEL_NAMES[level],
            "name": logger,
        }
        if msgid:
            record["msgid"] = msgid
        self.write_record(record)

    def write_status(self, letter: str, path: bytes) -> None:
        if letter:
            self.write_record({"type": "file_status", "status": letter, "path": display(path)})
        else:
            self.write_message(LEVELS["info"], "borg.output.list", display(path), "")

    def write_archive_progress(self, original: int, compressed: int, deduplicated: int, files: int, path: bytes) -> None:
        self.write_record(
            {
                "original_size": original,
                "compressed_size": compressed,
                "deduplicated_size": deduplicated,
                "nfiles": files,
                "path": display(path),
                "time": time.time(),
                "type": "archive_progress",
                "finished": False,
            }
        )

    def write_archive_finished(self) -> None:
        self.write_record({"time": time.time(), "type": "archive_progress", "finished": True})

    def write_progress(self, operation: str, current: int, total: int | None, text: str) -> None:
        if operation in _UNTOLD:
            return
        text = display_text(text)
        record: dict[str, object] = {"message": text}
        if total is not None:
            message = percent_message(operation, current, total, text)
            record = {
                "message": message,
                "current": current,
                "total": total,
                "info": [text] if text and operation not in _KEEP_INFO else None,
            }
        if operation not in self._steps:
            self._started += 1
            self._steps[operation] = _Step(self._started, "progress_message" if total is None else "progress_percent")
        self._write_step(operation, record, finished=False)

    def write_finished(self, operation: str) -> None:
        if operation in self._steps:
            self._write_step(operation, {}, finished=True)
            del self._steps[operation]

    def write_relayed_progress(self, record: dict[str, object]) -> None:
        self.write_record(record)

    def _write_step(self, operation: str, record: dict[str, object], *, finished: bool) -> None:
        step = self._steps[operation]
        msgid = _STEP_IDS.get(operation, operation)
        record |= {"operation": step.number, "msgid": msgid, "type": step.kind, "finished": finished, "time": time.time()}
        self.write_record(record)

    def write_record(self, record: dict[str, object]) -> None:
        """One line of JSON; what cannot be written is lost."""
        self._write_line(json.dumps(record))

    def _write_line(self, line: str) -> None:
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # nobody listens
