"""A file bigger than a window: it streams through on its own."""

from __future__ import annotations

import os
from contextlib import nullcontext

from vinculum import _native
from vinculum.operations.extract.large_content import large_content
from vinculum.operations.extract.troubles import content_troubles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from vinculum.operations.extract.large_content import Source
    from vinculum.operations.extract.local_content import LocalContent
    from vinculum.operations.extract.present import Present
    from vinculum.operations.extract.progress import Progress
    from vinculum.operations.extract.target import Target


class LargeFiles:
    """Writes them to a target or to a stream, or only reads them if there is neither."""

    def __init__(
        self, source: Source, target: Target | None, output: BinaryIO | None, present: Present | None, progress: Progress
    ) -> None:
        self._source = source
        self._target = target
        self._output = output
        self._present = present
        self._progress = progress

    def restore(self, item: _native.Item, path: bytes) -> list[_native.Trouble]:
        """One file; returns what went wrong."""
        if self._target is None:
            return self._pass_on(item, None, None)
        local = None if self._present is None else self._present.content(path)
        with nullcontext() if local is None else local:
            return self._replace(self._target, item, path, local)

    def _replace(self, target: Target, item: _native.Item, path: bytes, local: LocalContent | None) -> list[_native.Trouble]:
        """Writes it to a new file, which takes over from the old one what that has."""
        batch = _native.RestoreBatch()
        batch.write_file(item, path)
        target.learn_owners(batch)
        fd, trouble = target.restorer.open_file(path)
        if fd is None:
            return [] if trouble is None else [trouble]
        try:
            try:
                wrong = self._pass_on(item, fd, local)
            except BrokenPipeError:
                raise
            except OSError as error:
                return [("os", error.errno or 0, b"")]
            found = target.restorer.finish_file(item, fd)
            return found if any(kind != "attribute" for kind, _, _ in found) else [*found, *wrong]
        finally:
            os.close(fd)

    def _pass_on(self, item: _native.Item, fd: int | None, local: LocalContent | None) -> list[_native.Trouble]:
        """Writes the content to a file, or to the stream if there is one; while one window is written, the next is opened."""
        size = 0
        sparse = self._target is not None and self._target.sparse
        for chunks in large_content(self._source, item.chunks or _native.ChunkList(), local):
            content_bytes = sum(map(len, chunks))
            if fd is not None:
                _native.write_chunks(fd, chunks, sparse)
            elif self._output is not None:
                self._output.writelines(chunks)
            size += content_bytes
            self._progress.advance(item, content_bytes)
        return content_troubles(item, size)
