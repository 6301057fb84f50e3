"""Storing chunks that the repository has already, if they are compressed otherwise than is wanted now."""

from __future__ import annotations

from vinculum import _native
from vinculum.operations.create.content import ChunkStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.archive.statistics import Statistics
    from vinculum.operations.opened import OpenAnyCache


class RepackingStore(ChunkStore):
    """A chunk keeps its id; its object is replaced, sealed with counters of its own, and every archive has it so from now on.

    `seen` remembers the chunks that were dealt with: several stores may share it, so that each chunk is looked at once only.
    """

    def __init__(self, opened: OpenAnyCache, statistics: Statistics, seen: _native.ChunkIndex, *, always: bool) -> None:
        super().__init__(opened, statistics)
        self._seen = seen
        self._always = always

    def add(self, chunks: _native.ChunkBatch, *, counted: bool = True) -> None:
        """References all chunks; stores those that are new, and those that are compressed otherwise."""
        unseen = self._seen.claim(chunks)
        new = self.index.claim(chunks)
        self.put_claimed(new, counted=counted)
        known = unseen.without(new)
        if len(known) and not self._always:
            known = self._codec.packed_otherwise(self._store.get_many(known.ids()), known)
        self.put_claimed(known, counted=False)
