"""Taking archives out of a repository: their references are given up, and what nobody refers to any more is deleted.

The order makes a crash harmless: deletions and the manifest without the archives first, then the repository's commit, then the
cache's. Space is only freed by a later compaction.
"""

from __future__ import annotations

import time

from vinculum._native import ItemStream
from vinculum.archive.archive import load_archive
from vinculum.archive.item_references import ItemReferenceReader
from vinculum.archive.item_stream import ItemChunkReader
from vinculum.archive.statistics import Statistics
from vinculum.errors import ChunkIndexCorrupted, IntegrityError, ObjectNotFound
from vinculum.formats.ids import ID_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Bytes, ItemReferences, Released
    from vinculum.archive.manifest import ArchiveEntry
    from vinculum.events import Sink
    from vinculum.operations.opened import OpenAnyCache

OPERATION = "archive.delete"
_BATCH_BYTES = 1 << 20  # of ids that wait for being deleted


class Deletion:
    """Deletes archives one by one; nothing counts before `save`. Confined to one thread.

    `statistics` has the sizes of all references given up, negative. `forced` goes on where an archive is damaged.
    """

    def __init__(
        self,
        opened: OpenAnyCache,
        sink: Sink,
        *,
        forced: bool = False,
        with_parts: bool = False,
        checkpoint_interval_s: int = 0,
        workarounds: frozenset[str] = frozenset(),
        show_progress: bool = True,
    ) -> None:
        self.statistics = Statistics()
        self._opened = opened
        self._sink = sink
        self._forced = forced
        self._with_parts = with_parts
        self._interval_s = checkpoint_interval_s
        self._workarounds = workarounds
        self._shows_progress = show_progress and sink.wants_progress
        self._saved_s = time.monotonic()
        self._unsaved = False
        self._orphans: list[bytes] = []
        self._orphans_bytes = 0
        self._damaged = False
        self._references = ItemReferenceReader(opened.store, opened.key)

    def delete(self, entry: ArchiveEntry) -> None:
        """Deletes one archive. After an error nothing may be saved any more."""
        opened = self._opened
        archive = load_archive(opened.store, opened.key, entry, workarounds=self._workarounds)
        self._damaged = False
        try:
            if self._forced:
                self._release_what_is_left(archive.items)
            else:
                self._release(archive.items)
            self._count(opened.cache.chunks.release(entry.id))
        except KeyError as error:
            raise ChunkIndexCorrupted(error.args[0]) from None
        if self._shows_progress:
            self._sink.finished(OPERATION)
        self._delete_orphans()
        del opened.manifest.archives[entry.name]
        self._unsaved = True
        if self._damaged:
            self._sink.warning("The deletion was forced through, but the deleted archive was corrupted.", 0)
            self._sink.warning("Only borg check --repair can free all of its space.", 0)

    @property
    def checkpoint_is_due(self) -> bool:
        return self._interval_s != 0 and time.monotonic() - self._saved_s > self._interval_s

    def save(self) -> None:
        """Makes the deletions so far permanent."""
        if self._unsaved:
            self._opened.commit()
            self._unsaved = False
        self._saved_s = time.monotonic()

    def _release(self, item_ids: list[bytes]) -> None:
        """Gives up what an item stream refers to, and its own chunks."""
        stream, chunks, done = ItemStream(), self._opened.cache.chunks, 0

        def take(window: list[ItemReferences]) -> int:
            nonlocal done
            released, taken = chunks.release_references(stream, window, self._with_parts)
            self._count(released)
            self._show(range(done + 1, done + taken + 1), len(item_ids))
            done += taken
            if taken == len(window):  # else the next chunk is going to be read again
                self._delete_orphans(_BATCH_BYTES)
            return taken

        def take_rest(piece: Bytes) -> None:
            nonlocal done
            self._count(chunks.release_items(stream, piece, self._with_parts))
            done += 1
            self._show(range(done, done + 1), len(item_ids))

        self._references.feed(item_ids, take, take_rest)

    def _release_what_is_left(self, item_ids: list[bytes]) -> None:
        """The same for an item stream that may be damaged: as many of its chunks as there are before the first that is lost."""
        chunks = self._opened.cache.chunks
        reader = ItemChunkReader(self._opened.store, self._opened.key)
        stream = ItemStream()
        for number, id in enumerate(item_ids, 1):
            self._show(range(number, number + 1), len(item_ids))
            try:
                # One at a time: a window fails as a whole.
                [[chunk]] = reader.read([id])
            except ObjectNotFound as error:
                self._tolerate(error)
                return
            self._count(chunks.release(id))
            released = chunks.release_items(stream, chunk.data, self._with_parts)
            self._count(released)
            self._delete_orphans(_BATCH_BYTES)
            if released.damage is not None:
                self._tolerate(IntegrityError(released.damage))
                stream = ItemStream()  # the rest of this chunk is lost, with the next one an item may begin

    def _show(self, numbers: range, total: int) -> None:
        if self._shows_progress:
            for number in numbers:
                self._sink.progress(OPERATION, number, total, "")

    def _count(self, released: Released) -> None:
        totals = self.statistics
        totals.original_size -= released.size
        totals.compressed_size -= released.csize
        totals.deduplicated_size -= released.freed
        orphans = released.orphans
        self._orphans.append(orphans)
        self._orphans_bytes += len(orphans)

    def _delete_orphans(self, at_least_bytes: int = 1) -> None:
        """Deletes the chunks that lost their last reference, unless they are few."""
        if self._orphans_bytes < at_least_bytes:
            return
        ids, self._orphans, self._orphans_bytes = b"".join(self._orphans), [], 0
        missing = self._opened.store.delete_many(ids)
        if missing:
            self._tolerate(ObjectNotFound(missing[:ID_BYTES].hex(), self._opened.store.path))

    def _tolerate(self, error: IntegrityError | ObjectNotFound) -> None:
        if not self._forced:
            raise error
        self._damaged = True
