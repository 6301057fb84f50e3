"""What there is to tell of a bundle once it is stored: each file's status, warnings, progress, in the order of the walk."""

from __future__ import annotations

import os

from vinculum import warning_codes
from vinculum.operations.create.content import show_progress
from vinculum.operations.create.gathering import describe_os_error
from vinculum.operations.create.walk import error_by_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum import _native
    from vinculum.archive.statistics import Statistics
    from vinculum.events import Sink
    from vinculum.operations.create.gathering import Bundle, Note

_FILES_CACHE = "files_cache"
# Why a file is read that may have been read by an earlier backup, for somebody who wonders; the words are Borg's.
_REASONS = {
    "u": "UNKNOWN: no file metadata in cache for: {!r}",
    "s": "KNOWN-CHANGED: file size has changed: {!r}",
    "i": "KNOWN-CHANGED: file inode number has changed: {!r}",
    "c": "KNOWN-CHANGED: file ctime has changed: {!r}",
    "m": "KNOWN-CHANGED: file mtime has changed: {!r}",
    "g": "KNOWN-CHANGED: a chunk of the file is not in the repository any more: {!r}",
}

_READ = ("A", "C")  # statuses of files whose content was read, where none is known

# What is done to a file by its name, which the text of the error then repeats: relative to its directory, if that is open.
_OPERATIONS_BY_NAME = frozenset(("open", "dir_open", "stat", "readlink"))


class Reporter:
    """Tells a sink what became of files. Confined to one thread."""

    def __init__(self, sink: Sink, statistics: Statistics, reads_all_because: str = "") -> None:
        """`reads_all_because`: why the files cache is not asked about any file, where that is so."""
        self._sink = sink
        self._reads_all_because = reads_all_because
        self._statistics = statistics
        self._cwd = os.getcwdb()
        self._failed: set[bytes] = set()  # so that directories among them are not told to be done

    def announce(self, bundle: Bundle) -> None:
        """The roots that begin in a bundle: before anything of it is stored, so that a user sees what is being done."""
        for note in bundle.notes:
            if not note.letter and note.warning is None:
                show_progress(self._sink, self._statistics, note.path)

    def report(self, bundle: Bundle) -> None:
        """Everything that there is to say of a bundle; a directory is told when it is done."""
        batch = bundle.batch
        statuses = batch.statuses().decode("ascii")
        failures = {index: (error, operation) for index, _, error, operation in batch.failures()}
        changed = [index for index, letter in enumerate(statuses) if letter == "C"] if "C" in statuses else []
        unreadable = batch.unreadable_attributes()
        odd = sorted({*failures, *changed, *(index for index, _, _ in unreadable)})
        reasons = batch.reasons().decode("ascii") if self._sink.hears(_FILES_CACHE) else ""
        everything = self._sink.wants_files or bool(reasons)
        paths = batch.paths() if statuses and (everything or odd or self._sink.wants_progress) else []
        position = 0
        for note in [*bundle.notes, None]:
            stop = len(statuses) if note is None else note.before
            for index in range(position, stop) if everything else [index for index in odd if position <= index < stop]:
                if reasons:
                    self._give_reason(reasons[index], statuses[index], paths[index])
                if index in failures:
                    self._report_failure(bundle, index, paths[index], *failures[index])
                elif statuses[index] == "C":
                    self._report_change(batch, index, paths[index])
                elif statuses[index] != "d":
                    self._sink.status(statuses[index], paths[index])
                for _, name, errno in [found for found in unreadable if found[0] == index]:
                    self._report_unreadable(paths[index], name, errno)
            position = stop
            if note is not None:
                self._report_note(note)
        if paths:
            show_progress(self._sink, self._statistics, paths[-1])

    def _give_reason(self, reason: str, status: str, path: bytes) -> None:
        if reason in _REASONS:
            self._sink.debug(_REASONS[reason].format(os.path.join(self._cwd, path)), _FILES_CACHE)
        elif self._reads_all_because and status in _READ:
            self._sink.debug(f"UNKNOWN: {self._reads_all_because}", _FILES_CACHE)

    def _report_note(self, note: Note) -> None:
        if note.warning:
            self._sink.warning(*note.warning, path=note.path)
        if note.letter == "d" and note.path in self._failed:
            self._failed.remove(note.path)
        elif note.letter:
            self._sink.status(note.letter, note.path)

    def _report_failure(self, bundle: Bundle, index: int, path: bytes, errno: int, operation: str) -> None:
        if operation == "read":  # its status has been told by then
            self._sink.status("M" if bundle.batch.was_known(index) else "A", path)
        if not errno:
            text = f"{os.fsdecode(path)}: file type or inode changed while we backed it up, skipped"
            self._sink.warning(text, warning_codes.RACE, path=path)
        else:
            by_name = operation in _OPERATIONS_BY_NAME
            name = path if index in bundle.roots else os.path.basename(path)
            error = error_by_name(errno, name) if by_name else OSError(errno, os.strerror(errno))
            self._sink.warning(*describe_os_error(path, error, operation), path=path)
        self._sink.status("E", path)
        self._failed.add(path)

    def _report_unreadable(self, path: bytes, name: bytes, errno: int) -> None:
        text = f"{os.fsdecode(path)}: extended attribute {name.decode(errors='replace')}: {OSError(errno, os.strerror(errno))}"
        self._sink.warning(text, modern_code=0)  # to Borg, too, the backup is a success

    def _report_change(self, batch: _native.FileBatch, index: int, path: bytes) -> None:
        # The status that the file had before its content was read is told as well: Borg knows no better at that time.
        self._sink.status("M" if batch.was_known(index) else "A", path)
        self._sink.warning(f"{os.fsdecode(path)}: file changed while we backed it up", warning_codes.FILE_CHANGED, path=path)
        self._sink.status("C", path)
