"""The archive being made: its item stream, its checkpoints and the transaction that makes it real.

The order never changes: chunks, item stream, archive object, manifest, repository commit, cache commit. Whatever dies in
between leaves the repository as it was after the last commit.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from vinculum import _native
from vinculum.archive.archive import ArchiveMetadata, pack_archive
from vinculum.archive.item_stream import ItemStreamWriter
from vinculum.archive.manifest import ArchiveEntry, check_archive_name
from vinculum.errors import ArchiveAlreadyExists, Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from vinculum.events import Sink
    from vinculum.operations.create.content import ChunkStore
    from vinculum.operations.create.options import CreateOptions
    from vinculum.operations.opened import OpenAnyCache


class SavedArchive(NamedTuple):
    """An archive that was just made."""

    id: bytes
    metadata: ArchiveMetadata
    stored_size: int  # of the archive object, which has a limit


class ArchiveWriter:
    """Collects items and saves them as an archive. Confined to one thread."""

    def __init__(
        self, opened: OpenAnyCache, chunks: ChunkStore, options: CreateOptions, sink: Sink, stop_requested: Callable[[], bool]
    ) -> None:
        if options.name != _encodable(options.name):
            raise Error(
                f"The archive name {options.name!r} is no UTF-8 text."
            )  # Borg can neither make nor check such an archive
        check_archive_name(options.name)
        if options.name in opened.manifest.archives:
            raise ArchiveAlreadyExists(options.name)
        self._opened = opened
        self._chunks = chunks
        self._options = options
        self._sink = sink
        self._stop_requested = stop_requested
        self._stream = ItemStreamWriter(opened.key, lambda pieces: chunks.add(pieces, counted=False))
        self.begun = datetime.now(UTC)
        self._start_s = self._checkpoint_s = time.monotonic()
        self._cwd = os.getcwdb()

    def add_items(self, items: _native.Bytes) -> None:
        """Appends encoded items to the archive."""
        self._stream.feed(items)

    # -- checkpoints ---------------------------------------------------------------------------------------------------

    def stop_is_requested(self) -> bool:
        """Whether the user wants no more than a checkpoint."""
        return self._stop_requested()

    def checkpoint_is_due(self) -> bool:
        interval = self._options.checkpoint_interval_s
        return self._stop_requested() or (interval > 0 and time.monotonic() - self._checkpoint_s > interval)

    def checkpoint_if_due(self) -> None:
        if self.checkpoint_is_due():
            self.checkpoint()

    def checkpoint(self) -> None:
        """Saves what there is under the checkpoint name, for a later run to find its chunks.

        The next save replaces it: it is dropped from the manifest in memory at once. Error if the user asked to stop.
        """
        archives = self._opened.manifest.archives
        name = f"{self._options.name}.checkpoint"
        number = 0
        while name in archives:
            number += 1
            name = f"{self._options.name}.checkpoint.{number}"
        saved = self._save_as(name, self._end_stream())
        del archives[name]
        self._chunks.release(saved.id)
        self._checkpoint_s = time.monotonic()
        if self._stop_requested():
            raise Error("Got Ctrl-C / SIGINT.")

    # -- saving --------------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Stores the rest of the items: from now on the archive needs nothing that only another one refers to."""
        self._end_stream()

    def save(self, name: str | None = None, source: ArchiveMetadata | None = None) -> SavedArchive:
        """Makes the archive real, under another name than it was made by if one is given.

        If it was made of the archive `source`, it has the times (unless others are wanted) and the command line of that.
        """
        name = self._options.name if name is None else name
        if name in self._opened.manifest.archives:
            raise ArchiveAlreadyExists(name)
        return self._save_as(name, self._end_stream(), source)

    def _end_stream(self) -> list[bytes]:
        """Stores all items so far and returns the ids of their chunks; adding may go on."""
        self._chunks.catch_up()
        item_ids = self._stream.checkpoint()
        self._chunks.catch_up()
        return item_ids

    def _save_as(self, name: str, item_ids: list[bytes], source: ArchiveMetadata | None = None) -> SavedArchive:
        opened = self._opened
        metadata = self._describe(name, item_ids, source)
        packed = pack_archive(opened.key, metadata)
        archive_id, sealed = opened.codec.seal_object(packed, f"Archive {name}")
        opened.store.put_many(sealed)
        opened.cache.chunks.add(archive_id, 1, len(packed), sealed.sizes()[0])
        opened.manifest.archives[name] = ArchiveEntry(name, archive_id, metadata.time)
        opened.commit()
        return SavedArchive(archive_id, metadata, sealed.sizes()[0])

    def _describe(self, name: str, item_ids: list[bytes], source: ArchiveMetadata | None) -> ArchiveMetadata:
        options, totals = self._options, self._chunks.statistics
        start, end = self._times(source)
        cmdline = [_encodable(os.fsdecode(word)) for word in options.cmdline]
        return ArchiveMetadata(
            name=name,
            items=item_ids,
            cmdline=source.cmdline if source else cmdline,
            recreate_cmdline=cmdline if source else None,
            hostname=_encodable(options.hostname),
            username=_encodable(options.username),
            time=start,
            time_end=end,
            comment=_encodable(options.comment),
            chunker_params=options.chunker_params,
            cwd=self._cwd,
            size=totals.original_size,
            csize=totals.compressed_size,
            nfiles=totals.nfiles,
            size_parts=totals.original_size_parts,
            csize_parts=totals.compressed_size_parts,
            nfiles_parts=totals.nfiles_parts,
        )

    def _times(self, source: ArchiveMetadata | None) -> tuple[datetime, datetime]:
        duration = timedelta(seconds=time.monotonic() - self._start_s)
        if self._options.timestamp is not None:
            return self._options.timestamp, self._options.timestamp + duration
        if source is not None:
            return source.time, source.time_end
        end = datetime.now(UTC)
        return end - duration, end


def _encodable(text: str) -> str:
    """`text` with a question mark for every byte that was no UTF-8: Borg's check dies of such an archive object."""
    return text.encode(errors="replace").decode()
