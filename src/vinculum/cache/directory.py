"""The cache of one repository on this client: its directory, lock, chunk index and files cache.

Layout and bytes are those of Borg 1.x, so both programs take turns on one cache. Everything here can be had again from the
repository: what is missing or damaged is begun anew with a warning, never an error. Invariant: the directory changes in
`commit` only, under an undo log; until then a session works in memory.
"""

from __future__ import annotations

import os

from vinculum._native import ChunkIndex, FilesCache
from vinculum.cache import transaction
from vinculum.cache.archive_indexes import ArchiveIndexes
from vinculum.cache.config import CacheConfig
from vinculum.cache.layout import ARCHIVE_INDEXES, FILES_CACHE, SUFFIXED_FILES, create_cache, replace_content, wipe_cache
from vinculum.cache.old_totals import OldTotals
from vinculum.cache.preloading import load_chunks, load_files
from vinculum.cache.security import check_access
from vinculum.errors import IntegrityError
from vinculum.formats.integrity import HASH_INDEX_PARTS, integrity_string, verify_integrity, vouches_for
from vinculum.repository.locking import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Protocol, Self

    from vinculum._native import Blob
    from vinculum.cache.preloading import LoadedChunks, LoadedFiles, Preloaded
    from vinculum.cache.security import AccessKey, AccessManifest, Confirm, SecurityRecord
    from vinculum.events import Sink

    class MirroredManifest(AccessManifest, Protocol):
        @property
        def id(self) -> bytes: ...
        @property
        def mandatory_features(self) -> frozenset[str]: ...


BEGINNING, COMMITTING = "cache.begin_transaction", "cache.commit"
_UNHARMFUL = 0  # warnings about the cache leave the exit code alone, as in Borg


class FilesCacheSettings:
    """How a session wants the files cache: comparison mode (letters of `FilesCache`), ages kept, suffix of the file's name."""

    __slots__ = ("mode", "suffix", "ttl")

    def __init__(self, mode: str, ttl: int = 20, suffix: str = "") -> None:
        self.mode = mode
        self.ttl = ttl
        self.suffix = suffix

    @property
    def file_name(self) -> str:
        return f"{SUFFIXED_FILES}{self.suffix}" if self.suffix else FILES_CACHE


class Cache:
    """An open cache, locked against every other process. Confined to one thread; `chunks` and `files` are thread-safe.

    Without `files` settings the files cache is neither loaded nor changed.
    """

    def __init__(
        self,
        directory: str,
        repository_id: bytes,
        key: AccessKey,
        location: str,
        record: SecurityRecord,
        *,
        lock_wait: float | None,
        sink: Sink,
        files: FilesCacheSettings | None = None,
        preloaded: Preloaded | None = None,
    ) -> None:
        self.directory = directory
        self.location = location
        self.record = record
        self.archive_indexes = ArchiveIndexes(os.path.join(directory, ARCHIVE_INDEXES))
        self.old_totals = OldTotals(os.path.join(directory, "pre12-meta"))
        self.chunks = ChunkIndex()
        self.files = FilesCache(files.mode, files.ttl) if files else None
        self._repository_id = repository_id
        self._key = key
        self._sink = sink
        self._lock_wait = lock_wait
        self._files_settings = files
        self._preloaded = preloaded
        self._trusted = False
        self._lock: Lock | None = None
        self._config: CacheConfig

    def __enter__(self) -> Self:
        create_cache(self.directory, self._repository_id)
        lock = Lock(self.directory, exclusive=True, timeout_s=self._lock_wait, sink=self._sink)
        lock.acquire()
        self._lock = lock
        try:
            self._load(self._preloaded)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /) -> None:
        self.close()

    def close(self) -> None:
        """Forgets what was not committed (but not old totals, which hold whatever happens) and gives the lock back."""
        if self._lock is not None:
            try:
                self.old_totals.save()
            finally:
                self._lock.release()
                self._lock = None

    def check_access(self, manifest: AccessManifest, confirm: Confirm) -> None:
        """See `security.check_access`; considers what the cache knows and tells it where the repository is now."""
        if check_access(self.record, self._key, manifest, self.location, cached=self._config, confirm=confirm):
            self._config.previous_location = self.location
            self._config.save()

    def is_synchronised(self, manifest: MirroredManifest) -> bool:
        """Whether `chunks` counts the references of exactly the archives in `manifest`."""
        return self._trusted and self._config.manifest_id == manifest.id

    def replace_chunks(self, chunks: ChunkIndex) -> None:
        """Takes an index that was counted anew."""
        self.chunks = chunks
        self._trusted = True

    def commit(self, manifest: MirroredManifest) -> None:
        """Writes the cache as the mirror of `manifest`, which the repository must have committed, and notes the access."""
        if not self._trusted:
            raise RuntimeError("the cache was not synchronised")
        features = manifest.mandatory_features
        self.record.save(self.location, self._key.type_byte, manifest.timestamp)
        contents: dict[str, Blob] = {}
        digests = {}
        if self.files is not None and self._files_settings is not None:
            name = self._files_settings.file_name
            contents[name] = self.files.save()
            digests[name] = integrity_string(name, contents[name])
        contents["chunks"] = self.chunks.save()
        digests["chunks"] = integrity_string("chunks", contents["chunks"], HASH_INDEX_PARTS)
        # Borg's order of keys, which makes the file the same whoever wrote it.
        digests = dict(sorted(digests.items()))
        transaction.begin(self.directory, ["config", *contents], self._tell_saved)
        self._sink.finished(BEGINNING)
        for name, content in contents.items():
            self._tell_saving(f"{_kind(name)} cache")
            replace_content(os.path.join(self.directory, name), content)
        self._config.mirror(
            manifest.id,
            manifest.timestamp,
            location=self.location,
            key_type=self._key.type_byte,
            ignored_features=features,
            digests=digests,
        )
        self._tell_saving("cache config")
        self._config.save()
        transaction.end(self.directory)
        self._sink.finished(COMMITTING)

    # -- opening -------------------------------------------------------------------------------------------------------

    def _load(self, preloaded: Preloaded | None) -> None:
        transaction.recover(self.directory)
        try:
            self._config = CacheConfig.load(os.path.join(self.directory, "config"))
            usable = self._config.repository_id == self._repository_id and not self._config.mandatory_features
        except (FileNotFoundError, ValueError) as error:
            self._warn(f"The cache has no usable config and is begun anew. [{error}]")
            usable = False
        if not usable:
            self._wipe()
        self._load_chunks(preloaded.take_chunks() if preloaded else None)
        if self._files_settings is not None:
            self._load_files(self._files_settings, preloaded.take_files() if preloaded else None)
            assert self.files is not None
            self._sink.debug(f"FILES-CACHE-LOAD: finished, {len(self.files)} entries loaded.", "files_cache")

    def _load_chunks(self, preloaded: LoadedChunks | None) -> None:
        digest = self._config.digest("chunks")
        if preloaded is not None and digest is not None and vouches_for(digest, "chunks", preloaded.content, HASH_INDEX_PARTS):
            self.chunks = preloaded.chunks
            self._trusted = True
            return
        try:
            loaded = load_chunks(self.directory)
            if digest is not None:
                verify_integrity(digest, "chunks", loaded.content, HASH_INDEX_PARTS)
        except (OSError, IntegrityError) as error:
            self._warn(f"The chunk index of the cache is not usable and is rebuilt. [{error}]")
            return
        self.chunks = loaded.chunks
        self._trusted = True

    def _load_files(self, settings: FilesCacheSettings, preloaded: LoadedFiles | None) -> None:
        name = settings.file_name
        digest = self._config.digest(name)
        if preloaded is not None and digest is not None and vouches_for(digest, name, preloaded.content):
            self.files = preloaded.cache
            return
        try:
            loaded = load_files(self.directory, settings)
            if digest is not None:
                verify_integrity(digest, name, loaded.content)
        except FileNotFoundError:
            if digest is None:
                return
            self._warn("The files cache is missing, so every file is read again.")
        except (OSError, IntegrityError) as error:
            self._warn(f"The files cache is not usable, so every file is read again. [{error}]")
        else:
            self.files = loaded.cache

    def _wipe(self) -> None:
        """Begins anew inside the directory, under the lock."""
        self.archive_indexes.clear()
        wipe_cache(self.directory, self._repository_id)
        self._config = CacheConfig.load(os.path.join(self.directory, "config"))

    def _tell_saved(self, name: str) -> None:
        self._sink.progress(BEGINNING, 0, None, f"Initializing cache transaction: Reading {_kind(name)}")

    def _tell_saving(self, what: str) -> None:
        self._sink.progress(COMMITTING, 0, None, f"Saving {what}")

    def _warn(self, text: str) -> None:
        self._sink.warning(text, _UNHARMFUL)


def _kind(name: str) -> str:
    """What a file is called when talking about it: files caches may have suffixes."""
    return name.partition(".")[0]
