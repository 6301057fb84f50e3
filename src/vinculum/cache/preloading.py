"""Reading a cache ahead: its large files are read and parsed while the key is being unlocked, which takes as long.

The cache is not locked yet, so what is read may be out of date, or halves of two states. Therefore nothing of it counts before
whoever has the lock has found that it is what the config of the cache vouches for.
"""

from __future__ import annotations

import _thread
import os
from contextlib import contextmanager

from vinculum._native import Bytes, ChunkIndex, FilesCache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum.cache.directory import FilesCacheSettings


class LoadedChunks:
    """The chunk index and the bytes it came from."""

    __slots__ = ("chunks", "content")

    def __init__(self, content: Bytes, chunks: ChunkIndex) -> None:
        self.content = content
        self.chunks = chunks


class LoadedFiles:
    """The files cache and the bytes it came from."""

    __slots__ = ("cache", "content")

    def __init__(self, content: Bytes, cache: FilesCache) -> None:
        self.content = content
        self.cache = cache


def load_chunks(directory: str) -> LoadedChunks:
    """OSError, IntegrityError."""
    content = _read_file(os.path.join(directory, "chunks"))
    return LoadedChunks(content, ChunkIndex.load(content))


def load_files(directory: str, settings: FilesCacheSettings) -> LoadedFiles:
    """OSError, IntegrityError."""
    content = _read_file(os.path.join(directory, settings.file_name))
    cache = FilesCache(settings.mode, settings.ttl)
    cache.load(content)
    return LoadedFiles(content, cache)


class Preloaded:
    """What a thread of its own reads. Each thing can be had once."""

    def __init__(self, directory: str, settings: FilesCacheSettings | None) -> None:
        self._directory = directory
        self._settings = settings
        self._chunks: LoadedChunks | None = None
        self._files: LoadedFiles | None = None
        # Held until all has been read. A lock, as it is all or nothing even if a signal raises an exception in its midst.
        self._reading = _thread.allocate_lock()
        self._reading.acquire()
        try:
            _thread.start_new_thread(self._read, ())
        except RuntimeError:  # the system has no more
            self._reading.release()

    def _read(self) -> None:
        try:
            self._chunks = load_chunks(self._directory)
            if self._settings is not None:
                self._files = load_files(self._directory, self._settings)
        except Exception:  # to be met again, and reported, by who reads them under the lock
            pass
        finally:
            self._reading.release()

    def wait(self) -> None:
        with self._reading:
            pass

    def take_chunks(self) -> LoadedChunks | None:
        """None if they could not be read."""
        self.wait()
        loaded, self._chunks = self._chunks, None
        return loaded

    def take_files(self) -> LoadedFiles | None:
        """None if it could not be read, or was not asked for."""
        self.wait()
        loaded, self._files = self._files, None
        return loaded


@contextmanager
def preloading(directory: str, settings: FilesCacheSettings | None) -> Iterator[Preloaded]:
    """Reads ahead in the meantime. The thread does not outlive the block."""
    preloaded = Preloaded(directory, settings)
    try:
        yield preloaded
    finally:
        preloaded.wait()


def _read_file(path: str) -> Bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return Bytes.read(fd)
    finally:
        os.close(fd)
