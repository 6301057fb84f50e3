"""The content of files on its way from an archive into another one.

Either it stays as it is, and all that happens is counting, or it is read and cut or stored again. No Python statement runs per
chunk: files are gathered until a batch is full, and large ones go through batch by batch.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from vinculum import _native
from vinculum.archive.chunk_reader import ID_BYTES
from vinculum.errors import ChunkIndexCorrupted
from vinculum.operations.create.content import BATCH_BYTES, ContentTaker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from vinculum.events import Sink
    from vinculum.operations.create.content import ChunkStore
    from vinculum.operations.create.writer import ArchiveWriter, Session

    class Content(Protocol):
        def add(self, items: list[_native.Item]) -> None:
            """Archives items, sooner or later, in this order."""

        def flush(self) -> None:
            """Archives what waits."""


BATCH_FILES = 2048


class UnchangedContent:
    """Files keep their chunks: each gets one more reference, and nothing is read."""

    def __init__(self, chunks: ChunkStore, writer: ArchiveWriter, sink: Sink) -> None:
        self._chunks = chunks
        self._writer = writer
        self._sink = sink

    def add(self, items: list[_native.Item]) -> None:
        contents = [content for item in items if (content := item.chunks) is not None]
        ids = b"".join([content.ids() for content in contents])
        index, statistics = self._chunks.index, self._chunks.statistics
        try:
            index.add_references(ids)
        except KeyError as error:
            raise ChunkIndexCorrupted(error.args[0]) from None
        statistics.add_files(len(contents), sum(content.size_bytes for content in contents), sum(index.csizes(ids)))
        self._writer.add_items(_native.encode_items(items))
        if items:
            _show_progress(self._sink, self._chunks, items[-1].path)
        self._writer.checkpoint_if_due()

    def flush(self) -> None:
        pass


class RewrittenContent:
    """Files are read and stored again; cut anew if there is a `chunker`."""

    def __init__(
        self, session: Session, chunks: ChunkStore, chunker: _native.Chunker | None, writer: ArchiveWriter, sink: Sink
    ) -> None:
        self._source = _Source(session, chunker)
        self._is_cut_alike = chunker is None
        self._chunks = chunks
        self._writer = writer
        self._sink = sink
        self._content = ContentTaker(chunks, sink)
        self._waiting: list[tuple[_native.Item, _native.ChunkList | None]] = []
        self._waiting_bytes = 0

    def add(self, items: list[_native.Item]) -> None:
        for item in items:
            content = item.chunks
            size = 0 if content is None else content.size_bytes
            if content is not None and size > BATCH_BYTES:
                self.flush()
                self._add_large(item, content)
                continue
            self._waiting.append((item, content))
            self._waiting_bytes += size
            full = self._waiting_bytes >= BATCH_BYTES or len(self._waiting) >= BATCH_FILES
            if full or self._writer.checkpoint_is_due():
                self.flush()
                self._writer.checkpoint_if_due()

    def flush(self) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        chunks, counts = self._source.read_files([content for _, content in waiting if content is not None])
        self._chunks.add(chunks)
        ids, sizes = chunks.ids(), chunks.sizes()
        csizes = self._chunks.index.csizes(ids)
        ends = accumulate(counts)
        rewritten = []
        start = 0
        for item, content in waiting:
            if content is None:
                rewritten.append(item)
                continue
            stop = next(ends)
            new = _native.ChunkList.of(ids[start * ID_BYTES : stop * ID_BYTES], sizes[start:stop], csizes[start:stop])
            start = stop
            rewritten.append(item.with_chunks(new, self._is_cut_alike))
        self._writer.add_items(_native.encode_items(rewritten))
        self._chunks.statistics.add_files(len(counts), sum(sizes), sum(csizes))
        if waiting:
            _show_progress(self._sink, self._chunks, waiting[-1][0].path)

    def _add_large(self, item: _native.Item, old: _native.ChunkList) -> None:
        """A file of several batches; where a checkpoint falls into it, the archive gets a part file."""
        path = item.path

        def save_part(number: int, chunks: _native.ChunkList) -> None:
            self._writer.add_items(item.as_part(number, self._sized(chunks)).encode())
            self._writer.checkpoint()

        taken = self._content.take(self._source.reader(old), path, self._writer.checkpoint_is_due, save_part)
        content = self._sized(taken)
        self._writer.add_items(item.with_chunks(content, self._is_cut_alike).encode())
        self._chunks.statistics.add_files(1, content.size_bytes, content.csize_bytes)
        _show_progress(self._sink, self._chunks, path)

    def _sized(self, chunks: _native.ChunkList) -> _native.ChunkList:
        """The same with the stored sizes of now."""
        return _native.ChunkList.of(chunks.ids(), chunks.sizes(), self._chunks.index.csizes(chunks.ids()))


class _Source:
    """Reads content of the repository, as chunks cut by the wanted rule."""

    def __init__(self, session: Session, chunker: _native.Chunker | None) -> None:
        self._store = session.store
        self._opener = session.key.opener
        self._hasher = session.key.hasher
        self._chunker = chunker

    def read_files(self, contents: list[_native.ChunkList]) -> tuple[_native.ChunkBatch, list[int]]:
        """The chunks of whole files, and how many each has."""
        counts = [len(content) for content in contents]
        ids = b"".join([content.ids() for content in contents])
        chunks = self.open(ids)
        if self._chunker is None:
            return chunks, counts
        return self._chunker.recut(chunks, counts, self._hasher)

    def reader(self, content: _native.ChunkList) -> _LargeFile | _RecutFile:
        """For reading one file batch by batch."""
        plain = _LargeFile(self, content)
        if self._chunker is None:
            return plain
        return _RecutFile(plain, _native.StreamChunker(self._chunker, self._hasher), self._hasher)

    def open(self, ids: bytes) -> _native.ChunkBatch:
        """The chunks of n ids."""
        return self._opener.open_batch(self._store.get_many(ids), ids)


class _LargeFile:
    """The chunks of one file as they are."""

    def __init__(self, source: _Source, content: _native.ChunkList) -> None:
        self._source = source
        self._ids = content.ids()
        self._ends = list(accumulate(content.sizes()))
        self._next = 0

    def read(self, batch_bytes: int) -> _native.ChunkBatch:
        start = self._next
        done = self._ends[start - 1] if start else 0
        self._next = max(bisect_right(self._ends, done + batch_bytes), min(start + 1, len(self._ends)))
        return self._source.open(self._ids[start * ID_BYTES : self._next * ID_BYTES])


class _RecutFile:
    """The chunks of one file, cut anew."""

    def __init__(self, old: _LargeFile, chunker: _native.StreamChunker, hasher: _native.IdHasher) -> None:
        self._old = old
        self._chunker = chunker
        self._hasher = hasher
        self._at_end = False

    def read(self, batch_bytes: int) -> _native.ChunkBatch:
        while not self._at_end:
            old = self._old.read(batch_bytes)
            self._at_end = not len(old)
            new = self._chunker.finish() if self._at_end else self._chunker.feed_batch(old)
            if len(new):
                return new
        return _native.ChunkBatch.of([], self._hasher)


def _show_progress(sink: Sink, chunks: ChunkStore, path: bytes) -> None:
    if sink.wants_progress:
        totals = chunks.statistics
        sizes = totals.original_size, totals.compressed_size, totals.deduplicated_size
        sink.archive_progress(*sizes, totals.nfiles, path)
