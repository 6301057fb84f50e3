"""Content on its way into the repository: chunks that are new get sealed and stored, all get counted.

No Python statement runs per chunk: everything happens in batches of about `BATCH_BYTES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vinculum import _native

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from vinculum.archive.statistics import Statistics
    from vinculum.events import Sink
    from vinculum.objects.codec import ObjectCodec
    from vinculum.repository.store import Store

    class ChunkSource(Protocol):
        def read(self, batch_bytes: int) -> _native.ChunkBatch | None:
            """The next chunks; an empty batch at the end, None if it takes long. OSError if there is no reading on."""


BATCH_BYTES = 16 * 1024 * 1024


class ChunkStore:
    """Stores chunks that the index does not know; keeps the statistics of what that cost."""

    def __init__(self, store: Store, codec: ObjectCodec, index: _native.ChunkIndex, statistics: Statistics) -> None:
        self._store = store
        self._codec = codec
        self.index = index
        self.statistics = statistics

    def put_claimed(self, chunks: _native.ChunkBatch, *, counted: bool = True) -> None:
        """Stores chunks that the caller has just claimed; `counted` false leaves them out of the statistics."""
        if not len(chunks):
            return
        sealed = self._codec.seal(chunks)
        self._store.put_many(sealed)
        self.index.settle(sealed)
        if counted:
            self.statistics.deduplicated_size += sum(sealed.sizes())

    def add(self, chunks: _native.ChunkBatch, *, counted: bool = True) -> None:
        """References all chunks, storing those that are new."""
        self.put_claimed(self.index.claim(chunks), counted=counted)

    def release(self, ids: bytes) -> None:
        """Takes back one reference per id; what nobody references any more is deleted."""
        self._store.delete_many(self.index.remove_references(ids))


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
            if self._sink.wants_progress:
                so_far = self._chunks.statistics
                sizes = so_far.original_size + content.size_bytes, so_far.compressed_size, so_far.deduplicated_size
                self._sink.archive_progress(*sizes, so_far.nfiles, path)
            if saved < len(content) and checkpoint_is_due():
                parts += 1
                save_part(parts, content.part(saved, len(content)))
                saved = len(content)
        if parts:
            if saved < len(content):
                parts += 1
                save_part(parts, content.part(saved, len(content)))
            # The parts hold references of their own, and the complete file gets its own too.
            self._chunks.index.add_references(content.ids())
            sized = _native.ChunkList.of(content.ids(), content.sizes(), self._chunks.index.csizes(content.ids()))
            self._chunks.statistics.add_parts(parts, sized)
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
