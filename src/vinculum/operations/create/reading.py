"""Reading: from a bundle of entries to content, cut and hashed. Runs ahead of storing, in a thread of its own if there is one.

What is done here must not depend on what has been stored so far, and everything that later bundles rely on (hard links, whose
first link decides) is settled before the next one is begun.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vinculum import _native
from vinculum.operations.create.content import BATCH_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum.operations.create.gathering import Bundle

SMALL_FILE_BYTES = 8 * 1024 * 1024  # up to this size files are read whole, many at a time


class Apart(NamedTuple):
    """The next bundle may hold files of those before it. Nothing of it is read before those are stored."""


class Begun(NamedTuple):
    """Everything of the bundle but large content has been read."""

    bundle: Bundle


class Large(NamedTuple):
    """The content of this entry follows: batches of chunks, then an empty one, or the OSError that ended it early."""

    entry: int


class Waiting(NamedTuple):
    """The receiver has to read this entry, and those after it: it may have to be waited for, which only the main thread may do.

    Nothing more is read before that is done.
    """

    entry: int


class Lull(NamedTuple):
    """A large file is slow: whoever waits for its content may look after other things."""


class Ended(NamedTuple):
    """The bundle is complete."""


Message: TypeAlias = "Apart | Begun | Large | _native.ChunkBatch | Lull | OSError | Waiting | Ended"


class Reader:
    """Reads bundles in order. Confined to one thread; its kernels are parallel inside."""

    def __init__(
        self,
        *,
        chunker: _native.Chunker,
        hasher: _native.IdHasher,
        index: _native.ChunkIndex,
        files: _native.FilesCache,
        sparse: bool,
    ) -> None:
        self._chunker = chunker
        self._hasher = hasher
        self._index = index
        self._files = files
        self._sparse = sparse
        self._links = _native.HardLinks()
        self._cwd = os.getcwdb()

    def read(self, bundle: Bundle) -> Iterator[Message]:
        """All there is to know of a bundle, piece by piece."""
        batch = bundle.batch
        if bundle.is_apart:
            yield Apart()
        if len(batch):
            batch.link(self._links)
            batch.match(self._files, self._index, self._hasher, self._cwd)
            batch.read(self._chunker, self._hasher, SMALL_FILE_BYTES)
        yield Begun(bundle)
        # One after the other: where reading a file fails, a hard link of it later in the batch becomes large in its place.
        while waiting := batch.large():
            if batch.may_wait(waiting[0]):
                yield Waiting(waiting[0])
            else:
                yield from self._read_large(batch, waiting[0])
        yield Ended()

    def _read_large(self, batch: _native.FileBatch, large: int) -> Iterator[Message]:
        yield Large(large)
        fd = -1
        try:
            fd = batch.open_large(large)
            reader = _native.FileReader(fd, self._chunker, self._hasher, self._sparse)
            while (chunks := reader.read_some(BATCH_BYTES)) is None or len(chunks):
                yield Lull() if chunks is None else chunks
            batch.end_large(large, fd)
            yield chunks
        except OSError as error:
            batch.fail_large(large, error.errno or 0, was_opened=fd >= 0)
            yield error
        finally:
            close_source(fd)


def close_source(fd: int) -> None:
    """Closes what content was read from, if it was opened (-1 if not). What a file system may say then changes nothing."""
    if fd >= 0:
        with suppress(OSError):
            os.close(fd)
