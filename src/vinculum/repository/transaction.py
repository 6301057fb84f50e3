"""One write transaction: entries appended to segments, with index and hints kept in step in memory.

Nothing of it counts before `commit` has returned. An operation that was interrupted halfway (disk error, signal) leaves
memory and segment apart; the transaction is spoilt then and only a rollback helps.
"""

from __future__ import annotations

from vinculum.errors import Error, IntegrityError, StorageQuotaExceeded
from vinculum.formats.ids import ID_BYTES, split_ids
from vinculum.objects.limits import MAX_DATA
from vinculum.repository.compaction import Compaction
from vinculum.repository.quota import check_quota
from vinculum.repository.segments import COMMIT_ENTRY, KEYED_SIZE, MAGIC
from vinculum.repository.store import MANIFEST_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Blob, RepositoryIndex, SealedBatch
    from vinculum.events import Sink
    from vinculum.repository.compaction import Room
    from vinculum.repository.hints import Hints
    from vinculum.repository.segment_writer import SegmentWriter
    from vinculum.repository.segments import Segments


class Transaction:
    """Confined to one thread."""

    __slots__ = ("_growth", "_quota", "_segments", "_whole", "_writer", "doom", "hints", "index")

    def __init__(self, index: RepositoryIndex, hints: Hints, segments: Segments, writer: SegmentWriter, quota: int) -> None:
        self.index = index
        self.hints = hints
        self._segments = segments
        self._writer = writer
        self._quota = quota
        self._whole = True
        self._growth = 0  # bytes of the PUTs that were stored, less those of the PUTs they and deletions superseded
        self.doom: Error | None = None

    def put(self, id: bytes, data: Blob) -> None:
        """Stores an object. What comes after one that was too much for the quota meets the same error: clients that send ahead
        show whichever answer they find first.
        """
        self.raise_if_doomed()
        if len(data) > MAX_DATA:
            raise IntegrityError(f"an object of {len(data)} bytes is too large to be stored (limit: {MAX_DATA})")
        whole, self._whole = self._whole, False
        position = self.index.get(id)
        growth = KEYED_SIZE + len(data)
        if position is not None:
            growth -= self._delete(id, *position)
        segment, offset = self._writer.put(id, data)
        self.hints.count_puts(segment, 1, KEYED_SIZE + len(data))
        self.index.set(id, segment, offset)
        self._growth += KEYED_SIZE + len(data)
        self._whole = whole
        self._check_quota(makes_room=id == MANIFEST_KEY and growth <= 0)

    def put_many(self, sealed: SealedBatch) -> None:
        """Stores a batch of distinct ids with one write per segment; what it replaces is deleted first.

        What does not fit the quota is stored up to the object that is too much, as if they had come one by one.
        """
        self.raise_if_doomed()
        ids = sealed.ids()
        if MANIFEST_KEY in ids or not self.has_quota_for(sealed):
            for at, id in enumerate(split_ids(ids)):
                self.put(id, sealed.object(at))
            return
        whole, self._whole = self._whole, False
        known = self.index.known(ids)
        if known:
            self.delete_many(known)
        expected = len(self.index) + len(sealed)
        start = 0
        while start < len(sealed):
            segment, offset, stop = self._writer.put_many(sealed, start)
            offsets = sealed.offsets(start, stop, offset)
            self.index.set_many(ids[start * ID_BYTES : stop * ID_BYTES], segment, offsets)
            size = sum(map(len, sealed.entries(start, stop)))
            self.hints.count_puts(segment, stop - start, size)
            self._growth += size
            start = stop
        if len(self.index) != expected:
            raise ValueError("a batch of stored objects holds an id twice")
        self._whole = whole
        self._check_quota()

    def has_quota_for(self, sealed: SealedBatch) -> bool:
        """Whether all of a batch may be stored without exceeding the quota."""
        if not self._quota:
            return True
        return self.hints.quota_use + sum(sealed.sizes()) + len(sealed) * KEYED_SIZE <= self._quota

    def delete(self, id: bytes) -> bool:
        """Removes an object; False if there is none."""
        whole, self._whole = self._whole, False
        position = self.index.pop(id)
        if position is not None:
            self._delete(id, *position)
        self._whole = whole
        return position is not None

    def delete_many(self, ids: bytes) -> bytes:
        """Removes the objects of distinct ids with one write per segment; returns the ids of which there was none."""
        positions = self.index.get_many(ids)
        if None in positions or MANIFEST_KEY in ids:
            # Rare: something is damaged, or `ids` only look like the manifest's somewhere.
            return b"".join(id for id in split_ids(ids) if not self.delete(id))
        whole, self._whole = self._whole, False
        for segment, here, offsets, _ in self.index.locate(ids):
            size = sum(self._segments.entry_sizes(segment, here, offsets))
            self.hints.supersede(here, segment, size)
            self._growth -= size
        self.index.remove_many(ids)
        start = 0
        while start < len(ids):
            landed, count = self._writer.delete_many(ids[start:])
            self.hints.count_puts(landed, 0, 0)
            self.hints.free(landed, count * KEYED_SIZE)
            start += count * ID_BYTES
        self._whole = whole
        return b""

    @property
    def makes_room(self) -> bool:
        """Whether it stores no more than it supersedes, so that the repository will be no larger once it is compacted."""
        return self._growth <= 0

    def commit(self) -> int:
        """Writes the COMMIT; returns the number of the transaction. The caller has checked `raise_if_doomed`."""
        segment = self._writer.commit()
        self.hints.count_puts(segment, 0, 0)
        self.hints.free(segment, len(COMMIT_ENTRY))
        return segment

    def compact(
        self, threshold: float, *, cleanup_commits: bool, stable: int | None, room: Room | None, sink: Sink | None
    ) -> int:
        """Compacts what `commit` has just completed; returns the number of the transaction after that. See `Compaction`."""
        if cleanup_commits:
            # Segments with nothing but a COMMIT, which Borg 1.1 left in heaps without counting them.
            for segment in self._segments.numbers():
                if self._segments.size(segment) == len(MAGIC) + len(COMMIT_ENTRY):
                    self.hints.segments[segment] = 0
                    self.hints.compact[segment] = len(COMMIT_ENTRY)
        compaction = Compaction(self._segments, self._writer, self.index, self.hints, stable=stable, room=room, sink=sink)
        return compaction.run(threshold)

    def raise_if_doomed(self) -> None:
        """Raises what makes a commit impossible, if anything does."""
        if self.doom is not None:
            raise self.doom
        if not self._whole:
            raise Error("The transaction was interrupted and cannot be committed.")

    def close(self) -> None:
        """Closes the open segment as it is."""
        self._writer.close()

    def _delete(self, id: bytes, segment: int, offset: int) -> int:
        size = self._segments.entry_size(segment, offset)
        self.hints.supersede(id, segment, size)
        self._growth -= size
        landed = self._writer.delete(id)
        self.hints.count_puts(landed, 0, 0)
        self.hints.free(landed, KEYED_SIZE)
        return size

    def _check_quota(self, *, makes_room: bool = False) -> None:
        try:
            check_quota(self._quota, self.hints.quota_use, makes_room=makes_room)
        except StorageQuotaExceeded as error:
            self.doom = error
            raise
