"""The intake: entries in archive order become stored chunks and items, one `FileBatch` at a time.

The stages of a batch are link, match, read, store, encode, memorize; each is one native call that works on all cores. Only
reports of single files, large files and failures cost Python time per file.
"""

from __future__ import annotations

import errno as errnos
import os
from typing import TYPE_CHECKING, NamedTuple

from vinculum import _native
from vinculum.operations.create.content import ContentUnreadable
from vinculum.operations.create.walk import error_by_name
from vinculum.platform import owners

if TYPE_CHECKING:
    from vinculum.events import Sink
    from vinculum.operations.create.content import ChunkStore, ContentReader
    from vinculum.operations.create.writer import ArchiveWriter

MAX_ENTRIES = 2048
MAX_LISTINGS = 96  # each keeps its directory open
MAX_BYTES = 64 * 1024 * 1024
SMALL_FILE_BYTES = 8 * 1024 * 1024  # up to this size files are read whole, many at a time

_WARNING_CODES = {errnos.EPERM: 105, errnos.EACCES: 105, errnos.EIO: 106, errnos.ENOENT: 107}
_RACE_CODE = 103
_OS_ERROR_CODE = 104
_CHANGED_CODE = 100


# What is done to a file by its name, which the text of the error then repeats: relative to its directory, if that is open.
_OPERATIONS_BY_NAME = frozenset(("open", "dir_open", "stat", "readlink"))


def describe_os_error(path: bytes, error: OSError, operation: str) -> tuple[str, int]:
    """A warning's text and modern exit code for a file that could not be dealt with."""
    text = f"{os.fsdecode(path)}: {operation}: {error}"
    return text, _WARNING_CODES.get(error.errno or 0, _OS_ERROR_CODE)


def _parents(path: bytes) -> list[bytes]:
    parents = []
    while (parent := os.path.dirname(path)) != path:
        parents.append(parent)
        path = parent
    return parents


class _Note(NamedTuple):
    """Something to report that is no entry of the batch."""

    before: int  # how many entries were taken before
    letter: str
    path: bytes
    warning: tuple[str, int] | None = None


class Intake:
    """Takes what the walk finds. Confined to one thread; its native stages are parallel inside."""

    def __init__(
        self,
        *,
        item_options: _native.ItemOptions,
        chunker: _native.Chunker,
        hasher: _native.IdHasher,
        chunks: ChunkStore,
        files: _native.FilesCache,
        content: ContentReader,
        writer: ArchiveWriter,
        sink: Sink,
    ) -> None:
        self._item_options = item_options
        self._chunker = chunker
        self._hasher = hasher
        self._chunks = chunks
        self._files = files
        self._content = content
        self._writer = writer
        self._sink = sink
        self._cwd = os.getcwdb()
        self._links = _native.HardLinks()
        self._owners = _native.OwnerNames()
        self._batch = _native.FileBatch(item_options)
        self._notes: list[_Note] = []
        self._roots: set[int] = set()  # entries of the batch that were reached by their whole path
        self._open_failed: set[int] = set()
        self._failed: set[bytes] = set()  # so that directories among them are not told to be done
        self._begun: set[bytes] = set()  # roots of which something may wait in the batch, and all above them
        self._above: set[bytes] = set()
        self._root = b""

    def begin(self, path: bytes) -> None:
        """What comes next is below `path`. Files of it that are waiting go first, to be found unchanged now."""
        self._report_progress(path)
        path = os.path.normpath(os.path.join(self._cwd, path))
        above = _parents(path)
        if path in self._begun or path in self._above or not self._begun.isdisjoint(above):
            self.flush()
        self._root = path
        self._begun.add(path)
        self._above.update(above)

    def take(self, listing: _native.DirectoryListing, start: int, stop: int) -> None:
        """Entries that go into the archive next."""
        batch = self._batch
        if not listing.path:
            self._roots.add(len(batch))
        while start < stop:
            room = MAX_ENTRIES - len(batch)
            batch.add(listing, start, min(stop, start + room))
            start += room
            if len(batch) >= MAX_ENTRIES or batch.listings >= MAX_LISTINGS or batch.size_bytes >= MAX_BYTES:
                self.flush()
                batch = self._batch

    def note(self, letter: str, path: bytes) -> None:
        """Something to report between the entries taken so far and the next."""
        if self._sink.wants_files:
            self._notes.append(_Note(len(self._batch), letter, path))

    def fail(self, path: bytes, error: OSError, operation: str, letter: str = "E") -> None:
        """Something that could not even be examined, or not be entered."""
        self._notes.append(_Note(len(self._batch), letter, path, describe_os_error(path, error, operation)))

    def flush(self) -> None:
        """Takes everything so far through all stages."""
        batch, notes = self._batch, self._notes
        self._batch, self._notes = _native.FileBatch(self._item_options), []
        if len(batch):
            self._process(batch)
        self._report(batch, notes)
        self._roots, self._open_failed = set(), set()
        self._begun, self._above = {self._root}, set(_parents(self._root))
        self._writer.checkpoint_if_due()

    def _process(self, batch: _native.FileBatch) -> None:
        index = self._chunks.index
        batch.link(self._links)
        batch.match(self._files, index, self._hasher, self._cwd)
        batch.read(self._chunker, self._hasher, SMALL_FILE_BYTES)
        self._chunks.put_claimed(batch.claim(index))
        self._learn_owners(batch)
        done = 0
        # One after the other: where reading a file fails, a hard link of it later in the batch becomes large in its place.
        while waiting := batch.large():
            large = waiting[0]
            self._writer.add_items(batch.encode(done, large, self._owners, index))
            done = large
            self._read_large(batch, large)
        self._writer.add_items(batch.encode(done, len(batch), self._owners, index))
        self._chunks.statistics.add_files(*batch.totals(index))
        batch.memorize(self._files)

    def _learn_owners(self, batch: _native.FileBatch) -> None:
        users, groups = self._owners.unknown(batch)
        for uid in users:
            self._owners.set_user(uid, owners.user_name(uid))
        for gid in groups:
            self._owners.set_group(gid, owners.group_name(gid))

    def _read_large(self, batch: _native.FileBatch, large: int) -> None:
        def save_part(number: int, chunks: _native.ChunkList) -> None:
            self._writer.add_items(batch.part(large, number, chunks, self._owners, self._chunks.index))
            self._writer.checkpoint()

        try:
            fd = self._open_large(batch, large)
        except OSError as error:
            self._open_failed.add(large)
            batch.fail_large(large, error.errno or 0)
            return
        try:
            content = self._content.read(fd, batch.paths()[large], self._writer.checkpoint_is_due, save_part)
            batch.finish_large(large, fd, content)
        except ContentUnreadable as failure:
            batch.fail_large(large, failure.errno)
        finally:
            os.close(fd)

    def _open_large(self, batch: _native.FileBatch, large: int) -> int:
        while True:
            try:
                return batch.open_large(large)
            except InterruptedError:  # a fifo that nobody writes to, and a signal
                if self._writer.stop_is_requested():
                    raise

    # -- reporting -----------------------------------------------------------------------------------------------------

    def _report(self, batch: _native.FileBatch, notes: list[_Note]) -> None:
        """Everything that there is to say of a batch, in the order of the walk; a directory is told when it is done."""
        statuses = batch.statuses().decode("ascii")
        failures = {index: (error, operation) for index, _, error, operation in batch.failures()}
        odd = sorted({*failures, *(index for index, letter in enumerate(statuses) if letter == "C")})
        everything = self._sink.wants_files
        paths = batch.paths() if statuses and (everything or odd or self._sink.wants_progress) else []
        position = 0
        for note in [*notes, _Note(len(statuses), "", b"")]:
            told = range(position, note.before) if everything else [index for index in odd if position <= index < note.before]
            position = note.before
            for index in told:
                if index in failures:
                    self._report_failure(batch, index, paths[index], *failures[index])
                elif statuses[index] == "C":
                    self._report_change(batch, index, paths[index])
                elif statuses[index] != "d":
                    self._sink.status(statuses[index], paths[index])
            self._report_note(note)
        if paths:
            self._report_progress(paths[-1])

    def _report_progress(self, path: bytes) -> None:
        if self._sink.wants_progress:
            totals = self._chunks.statistics
            sizes = totals.original_size, totals.compressed_size, totals.deduplicated_size
            self._sink.archive_progress(*sizes, totals.nfiles, path)

    def _report_note(self, note: _Note) -> None:
        if note.warning:
            self._sink.warning(*note.warning)
        if note.letter == "d" and note.path in self._failed:
            self._failed.remove(note.path)
        elif note.letter:
            self._sink.status(note.letter, note.path)

    def _report_failure(self, batch: _native.FileBatch, index: int, path: bytes, errno: int, operation: str) -> None:
        if index in self._open_failed:
            operation = "open"
        if operation == "read":  # its status has been told by then
            self._sink.status("M" if batch.was_known(index) else "A", path)
        if not errno:
            text = f"{os.fsdecode(path)}: file type or inode changed while we backed it up, skipped"
            self._sink.warning(text, _RACE_CODE)
        else:
            by_name = operation in _OPERATIONS_BY_NAME
            name = path if index in self._roots else os.path.basename(path)
            error = error_by_name(errno, name) if by_name else OSError(errno, os.strerror(errno))
            self._sink.warning(*describe_os_error(path, error, operation))
        self._sink.status("E", path)
        self._failed.add(path)

    def _report_change(self, batch: _native.FileBatch, index: int, path: bytes) -> None:
        # The status that the file had before its content was read is told as well: Borg knows no better at that time.
        self._sink.status("M" if batch.was_known(index) else "A", path)
        self._sink.warning(f"{os.fsdecode(path)}: file changed while we backed it up", _CHANGED_CODE)
        self._sink.status("C", path)
