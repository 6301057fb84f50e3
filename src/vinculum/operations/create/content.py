"""Content on its way into the repository: chunks that are new get sealed and stored, all get counted.

No Python statement runs per chunk: everything happens in batches of about `BATCH_BYTES`.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from vinculum import _native

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from vinculum.archive.statistics import Statistics
    from vinculum.events import Sink
    from vinculum.operations.opened import OpenAnyCache

    class ChunkSource(Protocol):
        def read(self, batch_bytes: int) -> _native.ChunkBatch | None:
            """The next chunks; an empty batch at the end, None if it takes long. OSError if there is no reading on."""


BATCH_BYTES = 16 * 1024 * 1024

# How much may have been claimed and not be stored yet: enough for all cores to have something to seal while the main thread
# writes. A bundle, which keeps directories open, is several steps.
LAG_BYTES = 32 * 1024 * 1024
LAG_STEPS = 8


class _Step(NamedTuple):
    """What is to be done in the order in which it was asked for."""

    size_bytes: int  # of the chunks that it stores, if it does
    take: Callable[[], None]


class ChunkStore:
    """Stores chunks that the index does not know; keeps the statistics of what that cost. Confined to one thread.

    One that may lag claims chunks at once and stores them later, so that the cores always have something to seal: in the
    order of claiming, and as soon as too much has come after them. When that is depends on nothing but the chunks, so the
    repository comes out the same however many threads there are. What relies on chunks being stored waits in the same line
    (`then`), or has all of it worked off first (`catch_up`).
    """

    def __init__(self, opened: OpenAnyCache, statistics: Statistics, *, may_lag: bool = False) -> None:
        self._store = opened.store
        self._codec = opened.codec
        self.index = opened.cache.chunks
        self.statistics = statistics
        self._may_lag = may_lag
        self._steps: deque[_Step] = deque()
        self._waiting_bytes = 0
        self._is_working = False

    def put_claimed(self, chunks: _native.ChunkBatch, *, counted: bool = True) -> None:
        """Stores chunks that the caller has just claimed; `counted` false leaves them out of the statistics."""
        if not len(chunks):
            return
        size = chunks.size_bytes
        self._steps.append(_Step(size, partial(self._put, self._codec.begin_sealing(chunks), counted)))
        self._waiting_bytes += size
        self._work(LAG_BYTES if self._may_lag else 0, LAG_STEPS if self._may_lag else 0)

    def then(self, action: Callable[[], None]) -> None:
        """Does this as soon as everything that has been claimed is stored."""
        self._steps.append(_Step(0, action))
        self._work(LAG_BYTES, LAG_STEPS)

    def catch_up(self) -> None:
        """Stores everything that has been claimed, and does what was to be done then."""
        self._work(0, 0)

    def add(self, chunks: _native.ChunkBatch, *, counted: bool = True) -> None:
        """References all chunks, storing those that are new."""
        self.put_claimed(self.index.claim(chunks), counted=counted)

    def release(self, ids: bytes) -> None:
        """Takes back one reference per id; what nobody references any more is deleted."""
        self.catch_up()
        self._store.delete_many(self.index.remove_references(ids))

    def sized(self, content: _native.ChunkList) -> _native.ChunkList:
        """The same chunks with the stored sizes that are known by now."""
        ids = content.ids()
        return _native.ChunkList.of(ids, content.sizes(), self.index.csizes(ids))

    def _work(self, most_bytes: int, most_steps: int) -> None:
        """Takes steps until no more than so much is left, and the first of that has to wait for chunks."""
        if self._is_working:
            return  # this step is one that another has led to: it waits for its turn
        self._is_working = True
        try:
            steps = self._steps
            while steps and (not steps[0].size_bytes or self._waiting_bytes > most_bytes or len(steps) > most_steps):
                step = steps.popleft()
                self._waiting_bytes -= step.size_bytes
                step.take()
        finally:
            self._is_working = False

    def _put(self, sealing: _native.Sealing, counted: bool) -> None:
        sealed = sealing.wait()
        self._store.put_many(sealed)
        self.index.settle(sealed)
        if counted:
            self.statistics.deduplicated_size += sum(sealed.sizes())


def show_progress(sink: Sink, totals: Statistics, path: bytes, *, begun_bytes: int = 0) -> None:
    """Tells that so much is archived, and that of the file at `path` so much is done that does not count yet."""
    if sink.wants_progress:
        sizes = totals.original_size + begun_bytes, totals.compressed_size, totals.deduplicated_size
        sink.archive_progress(*sizes, totals.nfiles, path)


class ContentUnreadable(Exception):
    """Reading the source failed; the repository is fine."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.errno = error.errno or 0


class ContentTaker:
    """Takes content into the chunk store, with part items where a checkpoint falls into it."""

    def __init__(self, chunks: ChunkStore, sink: Sink) -> None:
        self._chunks = chunks
        self._sink = sink

    def take(
        self,
        reader: ChunkSource,
        path: bytes,
        checkpoint_is_due: Callable[[], bool],
        save_part: Callable[[int, _native.ChunkList], None],
    ) -> _native.ChunkList:
        """The content that a reader gives, to its end; `path` is what progress calls it.

        `save_part(number, chunks)` archives the chunks since the previous part and makes a checkpoint.
        ContentUnreadable if reading fails: then the chunks that no part holds are released again.
        """
        content = _native.ChunkList()
        parts = saved = 0
        while True:
            try:
                chunks = reader.read(BATCH_BYTES)
            except OSError as error:
                self._chunks.release(content.part(saved, len(content)).ids())
                raise ContentUnreadable(error) from error
            if chunks is not None:
                if not len(chunks):
                    break
                self._chunks.add(chunks)
                content.extend(chunks)
            show_progress(self._sink, self._chunks.statistics, path, begun_bytes=content.size_bytes)
            if saved < len(content) and checkpoint_is_due():
                parts += 1
                self._chunks.catch_up()
                save_part(parts, content.part(saved, len(content)))
                saved = len(content)
        if parts:
            self._chunks.catch_up()
            if saved < len(content):
                parts += 1
                save_part(parts, content.part(saved, len(content)))
            # The parts hold references of their own, and the complete file gets its own too.
            self._chunks.index.add_references(content.ids())
            self._chunks.statistics.add_parts(parts, self._chunks.sized(content))
        return content


class ContentReader(ContentTaker):
    """Also reads open files and pipes."""

    def __init__(
        self, chunks: ChunkStore, chunker: _native.Chunker, hasher: _native.IdHasher, sink: Sink, *, sparse: bool
    ) -> None:
        super().__init__(chunks, sink)
        self._chunker = chunker
        self._hasher = hasher
        self._sparse = sparse

    def read(
        self,
        fd: int,
        path: bytes,
        checkpoint_is_due: Callable[[], bool],
        save_part: Callable[[int, _native.ChunkList], None],
    ) -> _native.ChunkList:
        """The content of `fd`; the rest as `take` has it."""
        reader = _native.FileReader(fd, self._chunker, self._hasher, self._sparse)
        return self.take(reader, path, checkpoint_is_due, save_part)
