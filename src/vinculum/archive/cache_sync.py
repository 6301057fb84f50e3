"""Rebuilds the chunk index of a cache from the archives themselves.

Needed when somebody else changed the repository since the cache was committed. Counted is one reference per archive object, per
entry of an archive's `items` and per chunk entry of an item. Invariant: the cache gets the new index only when all archives are
counted; a failure leaves it as it was.
"""

from __future__ import annotations

from vinculum._native import ChunkIndex, ItemStream, ReferenceTally
from vinculum.archive.archive import parse_archive
from vinculum.archive.item_references import ItemReferenceReader
from vinculum.formats.ids import ID_BYTES, split_ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.archive.manifest import ArchiveEntry, Manifest
    from vinculum.cache.archive_indexes import ArchiveIndexes
    from vinculum.cache.directory import Cache
    from vinculum.events import Sink
    from vinculum.keys.key import Key
    from vinculum.repository.store import Store

OPERATION = "cache.sync"
_SIZES_WINDOW = 64


def synchronise(
    cache: Cache,
    store: Store,
    key: Key,
    manifest: Manifest,
    sink: Sink,
    *,
    use_archive_indexes: bool = True,
    workarounds: frozenset[str] = frozenset(),
) -> None:
    """Makes `cache.chunks` count the archives of `manifest` and commits the cache.

    `use_archive_indexes` False leaves the indexes that Borg keeps per archive alone.
    """
    counting = _Counting(store, key, workarounds, cache.archive_indexes if use_archive_indexes else None)
    entries = list(manifest.archives.values())
    counting.drop_outdated({entry.id for entry in entries})
    for number, entry in enumerate(entries, 1):
        sink.progress(OPERATION, number, len(entries), entry.name)
        counting.add(entry)
    counting.complete()
    sink.finished(OPERATION)
    cache.replace_chunks(counting.chunks)
    cache.commit(manifest)


class _Counting:
    """The new index while it grows."""

    def __init__(self, store: Store, key: Key, workarounds: frozenset[str], indexes: ArchiveIndexes | None) -> None:
        self.chunks = ChunkIndex()
        self._references = ItemReferenceReader(store, key)
        self._tally = ReferenceTally()
        self._store = store
        self._key = key
        self._workarounds = workarounds
        self._indexes = indexes
        self._kept = indexes.ids() if indexes else set()
        # Only who keeps such indexes already (a Borg that works with this cache as well) gets new ones.
        self._keeps = bool(self._kept)

    def drop_outdated(self, current: set[bytes]) -> None:
        """Removes kept indexes of archives that are gone."""
        if self._indexes is not None:
            for archive_id in self._kept - current:
                self._indexes.remove(archive_id)
            self._kept &= current

    def add(self, entry: ArchiveEntry) -> None:
        """Counts one archive, from its kept index if there is a good one."""
        if self._indexes is None or not self._keeps:
            self._count(entry, self.chunks)
            return
        index = self._indexes.load(entry.id) if entry.id in self._kept else None
        if index is None:
            index = ChunkIndex()
            self._count(entry, index)
            self._tally.settle(index)
            self._complete(index)
            self._indexes.save(entry.id, index)
        self.chunks.merge(index)

    def complete(self) -> None:
        """Adds up what is left, and finds out the stored sizes that no archive knew."""
        self._tally.settle(self.chunks)
        self._complete(self.chunks)

    def _count(self, entry: ArchiveEntry, index: ChunkIndex) -> None:
        stored = self._store.get(entry.id)
        plain = bytes(self._key.opener.open(stored, entry.id))
        archive = parse_archive(self._key, plain, entry.name, workarounds=self._workarounds)
        index.add(entry.id, 1, len(plain), len(stored))
        stream = ItemStream()
        self._references.feed(
            archive.items,
            lambda chunks: self._tally.count(index, stream, chunks),
            lambda rest: index.count_items(stream, rest),
        )

    def _complete(self, index: ChunkIndex) -> None:
        """Stored sizes are 0 where `create --no-cache-sync` wrote references to chunks that it knew the ids of only."""
        ids = index.unsized_ids()
        for start in range(0, len(ids), ID_BYTES * _SIZES_WINDOW):
            window = ids[start : start + ID_BYTES * _SIZES_WINDOW]
            for id, stored in zip(split_ids(window), self._store.get_many(window), strict=True):
                index.add(id, 0, 0, len(stored))
