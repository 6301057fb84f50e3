"""The intake: entries in archive order become stored chunks and items, one `FileBatch` at a time.

The stages of a batch are link, match, read, store, encode, memorize; each is one native call that works on all cores. Only
reports of single files, large files and failures cost Python time per file.
"""

from __future__ import annotations

import errno as errnos
import os
from typing import TYPE_CHECKING

from vinculum import _native
from vinculum.operations.create.content import ContentUnreadable
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


def describe_os_error(path: bytes, error: OSError, operation: str = "") -> tuple[str, int]:
    """A warning's text and modern exit code for a file that could not be dealt with."""
    name = os.fsdecode(path)
    where = f"{name}: {operation}: " if operation else f"{name}: "
    return f"{where}[Errno {error.errno}] {error.strerror}: {name!r}", _WARNING_CODES.get(error.errno or 0, _OS_ERROR_CODE)


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
        self._notes: list[tuple[int, str, bytes]] = []  # (entries before it, letter, path)

    def take(self, listing: _native.DirectoryListing, start: int, stop: int) -> None:
        """Entries that go into the archive next."""
        batch = self._batch
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
            self._notes.append((len(self._batch), letter, path))

    def fail(self, path: bytes, error: OSError) -> None:
        """Something that could not even be examined."""
        self._sink.warning(*describe_os_error(path, error, "stat"))
        self.note("E", path)

    def flush(self) -> None:
        """Takes everything so far through all stages."""
        batch, notes = self._batch, self._notes
        self._batch, self._notes = _native.FileBatch(self._item_options), []
        if len(batch):
            self._process(batch)
        self._report(batch, notes)
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
            fd = batch.open_large(large)
        except OSError as error:
            batch.fail_large(large, error.errno or 0)
            return
        try:
            batch.finish_large(large, fd, self._content.read(fd, self._writer.checkpoint_is_due, save_part))
        except ContentUnreadable as failure:
            batch.fail_large(large, failure.errno)
        finally:
            os.close(fd)

    def _report(self, batch: _native.FileBatch, notes: list[tuple[int, str, bytes]]) -> None:
        for _, path, errno, operation in batch.failures():
            if errno:
                error = OSError(errno, os.strerror(errno))
                self._sink.warning(*describe_os_error(path, error, operation))
            else:
                name = os.fsdecode(path)
                self._sink.warning(f"{name}: file type or inode changed while we backed it up, skipped", _RACE_CODE)
        statuses = batch.statuses().decode("ascii") if len(batch) else ""
        paths: list[bytes] = batch.paths() if self._sink.wants_files or "C" in statuses or self._sink.wants_progress else []
        for letter, path in zip(statuses, paths, strict=False):
            if letter == "C":
                self._sink.warning(f"{os.fsdecode(path)}: file changed while we backed it up", _CHANGED_CODE)
        if self._sink.wants_files:
            self._report_files(statuses, paths, notes)
        if self._sink.wants_progress and paths:
            totals = self._chunks.statistics
            sizes = totals.original_size, totals.compressed_size, totals.deduplicated_size
            self._sink.archive_progress(*sizes, totals.nfiles, paths[-1])

    def _report_files(self, statuses: str, paths: list[bytes], notes: list[tuple[int, str, bytes]]) -> None:
        """One status per file in the order of the walk; a directory's comes when it is done, from the notes."""
        position = 0
        for before, letter, path in [*notes, (len(paths), "", b"")]:
            for index in range(position, before):
                if statuses[index] != "d":
                    self._sink.status(statuses[index], paths[index])
            position = before
            if letter:
                self._sink.status(letter, path)
