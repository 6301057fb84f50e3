"""What `create --no-cache-sync` has in place of a cache: which chunks the repository holds, and nothing else about them.

The repository's list of objects is enough for deduplication, and quicker to have than counts of all archives. Chunks on the
list count as used beyond counting, so none of them is ever given up; the archive says 0 for their stored sizes, and so do
statistics. Nothing is kept on disk, except that the access is noted.
"""

from __future__ import annotations

from vinculum._native import ChunkIndex
from vinculum.errors import IntegrityError
from vinculum.repository.store import MANIFEST_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.cache.security import AccessKey, AccessManifest, SecurityRecord
    from vinculum.events import Sink
    from vinculum.repository.store import Store

OPERATION = "cache.download_chunks"
_WINDOW = 100_000  # ids asked for at once
_EXPERIMENTAL = "Note: --no-cache-sync is an experimental feature."


class AdHocCache:
    """A chunk index for the making of one archive; access has been checked."""

    __slots__ = ("_key", "_location", "_record", "chunks")

    directory = None
    files = None
    old_totals = None

    def __init__(self, store: Store, key: AccessKey, location: str, record: SecurityRecord, sink: Sink) -> None:
        sink.warning(_EXPERIMENTAL, 0, topic="cache")
        self.chunks = _list_chunks(store, sink)
        self._key = key
        self._location = location
        self._record = record

    def commit(self, manifest: AccessManifest) -> None:
        """Notes the access; the cache on disk, if there is one, stays the mirror of an older manifest."""
        self._record.save(self._location, self._key.type_byte, manifest.timestamp)


def _list_chunks(store: Store, sink: Sink) -> ChunkIndex:
    total = len(store)
    index = ChunkIndex(total)
    marker = None
    while ids := store.list(_WINDOW, marker):
        sink.progress(OPERATION, len(index) + 1, total, "")
        marker = ids[-1]
        before = len(index)
        index.assume(b"".join(id for id in ids if id != MANIFEST_KEY))
        if len(index) - before < len(ids) - (MANIFEST_KEY in ids):
            raise IntegrityError("the repository lists an object for the second time")
    sink.finished(OPERATION)
    return index
