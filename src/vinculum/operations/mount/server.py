"""Feeds a mounted file system: fetches the chunks that its readers want, and loads the archives that somebody enters.

Kernels answer all requests of the system; they come here only for what is in the repository, a batch at a time. Chunks go
first, and archives are loaded in steps, so that nobody who reads waits for somebody who enters.
"""

from __future__ import annotations

import errno

from vinculum.errors import IntegrityError, ObjectNotFound
from vinculum.formats.ids import split_ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum._native import FileSystem, FileTree
    from vinculum.archive.chunk_reader import ChunkReader

    # Begins to load the archive of a number: the tree, and what grows it step by step.
    Loading = tuple[FileTree, Iterator[None]]


class Server:
    """Serves until the file system is unmounted. Confined to the store's thread."""

    def __init__(
        self, files: FileSystem, reader: ChunkReader, begin_loading: Callable[[int], Loading], warn: Callable[[str], None]
    ) -> None:
        self._files = files
        self._reader = reader
        self._begin_loading = begin_loading
        self._warn = warn
        self._loading: dict[int, Loading] = {}

    def run(self) -> None:
        """Returns when the file system was unmounted. Whatever a signal handler raises ends it, too."""
        self._files.settle()
        while not self._files.has_ended:
            if not self._fetch() and not self._load():
                self._files.wait()

    def _fetch(self) -> bool:
        """Fetches one batch of chunks; False if none are wanted."""
        ids = self._files.wanted()
        if not ids:
            return False
        try:
            self._files.deliver(ids, self._reader.fetch(ids))
        except (IntegrityError, ObjectNotFound, OSError):
            for id in split_ids(ids):
                self._fetch_one(id)
        return True

    def _fetch_one(self, id: bytes) -> None:
        try:
            self._files.deliver(id, self._reader.fetch(id))
        except (IntegrityError, ObjectNotFound, OSError) as error:
            self._warn(str(error))
            self._files.fail(id, errno.EIO)

    def _load(self) -> bool:
        """Goes one step on with what is being loaded; False if nothing is."""
        for number in self._files.entered():
            self._loading[number] = self._begin_loading(number)
        if not self._loading:
            return False
        number, (tree, steps) = next(iter(self._loading.items()))
        try:
            next(steps)
        except StopIteration:
            self._files.load(number, tree)
        except (IntegrityError, ObjectNotFound, OSError) as error:
            self._warn(str(error))
            self._files.lose(number, errno.EIO)
        else:
            return True
        del self._loading[number], tree, steps
        self._files.settle()
        return True
