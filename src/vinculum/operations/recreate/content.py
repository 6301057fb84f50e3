"""The content of files on its way from an archive into another one.

Either it stays as it is, and all that happens is counting, or it is read and cut or stored again. No Python statement runs per
chunk: files are gathered until a batch is full, and large ones go through batch by batch.
"""

from __future__ import annotations

from itertools import accumulate

from vinculum import _native
from vinculum.errors import ChunkIndexCorrupted
from vinculum.formats.ids import ID_BYTES
from vinculum.operations.create.content import BATCH_BYTES, ContentTaker, show_progress
from vinculum.operations.recreate.source import ComingFiles, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from vinculum.events import Sink
    from vinculum.operations.create.content import ChunkStore
    from vinculum.operations.create.writer import ArchiveWriter
    from vinculum.operations.opened import OpenAnyCache
    from vinculum.operations.recreate.source import Files

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
            show_progress(self._sink, statistics, items[-1].path)
        self._writer.checkpoint_if_due()

    def flush(self) -> None:
        pass


class RewrittenContent:
    """Files are read and stored again; cut anew if there is a `chunker`. While some are stored, those behind are being read."""

    def __init__(
        self, opened: OpenAnyCache, chunks: ChunkStore, chunker: _native.Chunker | None, writer: ArchiveWriter, sink: Sink
    ) -> None:
        self._source = Source(opened, chunker)
        self._is_cut_alike = chunker is None
        self._chunks = chunks
        self._writer = writer
        self._sink = sink
        self._content = ContentTaker(chunks, sink)
        self._waiting: list[_native.Item] = []
        self._waiting_bytes = 0
        self._coming = ComingFiles()

    def add(self, items: list[_native.Item]) -> None:
        for item in items:
            size = item.content_bytes
            if size > BATCH_BYTES:
                self.flush()
                self._add_large(item)
                continue
            self._waiting.append(item)
            self._waiting_bytes += size
            if self._writer.checkpoint_is_due():
                self.flush()
                self._writer.checkpoint_if_due()
            elif self._waiting_bytes >= BATCH_BYTES or len(self._waiting) >= BATCH_FILES:
                self._begin()

    def flush(self) -> None:
        self._begin()
        for files in self._coming.rest():
            self._store(files)

    def _begin(self) -> None:
        """Lets what waits come, and stores what has come instead."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if waiting:
            files = self._coming.follow(self._source.files(waiting))
            if files is not None:
                self._store(files)

    def _store(self, files: Files) -> None:
        chunks, counts = self._source.cut(files)
        self._chunks.add(chunks)
        ids, sizes = chunks.ids(), chunks.sizes()
        csizes = self._chunks.index.csizes(ids)
        ends = accumulate(counts)
        rewritten = []
        start = 0
        for item in files.items:
            if item.chunks is None:
                rewritten.append(item)
                continue
            stop = next(ends)
            new = _native.ChunkList.of(ids[start * ID_BYTES : stop * ID_BYTES], sizes[start:stop], csizes[start:stop])
            start = stop
            rewritten.append(item.with_chunks(new, self._is_cut_alike))
        self._writer.add_items(_native.encode_items(rewritten))
        self._chunks.statistics.add_files(len(counts), sum(sizes), sum(csizes))
        show_progress(self._sink, self._chunks.statistics, files.items[-1].path)

    def _add_large(self, item: _native.Item) -> None:
        """A file of several batches; where a checkpoint falls into it, the archive gets a part file."""
        path = item.path

        def save_part(number: int, chunks: _native.ChunkList) -> None:
            self._writer.add_items(item.as_part(number, self._chunks.sized(chunks)).encode())
            self._writer.checkpoint()

        taken = self._content.take(self._source.large_file(item), path, self._writer.checkpoint_is_due, save_part)
        content = self._chunks.sized(taken)
        self._writer.add_items(item.with_chunks(content, self._is_cut_alike).encode())
        self._chunks.statistics.add_files(1, content.size_bytes, content.csize_bytes)
        show_progress(self._sink, self._chunks.statistics, path)
