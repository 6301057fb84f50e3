"""The doors to a repository: store, key, manifest and cache, opened each on top of the one before.

Who works on a repository stands before these doors with a location and a way to answer questions; the command line and the
Python API differ in that only. Leaving a `with` block closes in reverse order, whatever happened inside.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext

from vinculum.errors import Error
from vinculum.operations.opened import OpenAdHocCache, OpenAnyCache, OpenArchives, OpenCache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from vinculum._native import Blob, Bytes
    from vinculum.archive.manifest import Manifest, Operation
    from vinculum.cache.directory import FilesCacheSettings
    from vinculum.cache.preloading import Preloaded
    from vinculum.cache.security import SecurityRecord
    from vinculum.events import Sink
    from vinculum.keys.blob import LockedBlob
    from vinculum.keys.key import Key
    from vinculum.keys.passphrase import PassphraseSource
    from vinculum.objects.codec import ObjectCodec
    from vinculum.remote.command_line import RemoteSettings
    from vinculum.repository.location import Location
    from vinculum.repository.repository import Repository
    from vinculum.repository.store import Store

_COMPRESSION = "lz4"  # unless somebody asks for another, see `OpenAnyCache.with_compression`
DEFAULT_FILES_CACHE_TTL = 20


class Doors:
    """One place, and how to enter it. Confined to one thread; what stands before a door is for a subclass to say."""

    def __init__(
        self,
        location: Location,
        sink: Sink,
        *,
        locks: bool = True,
        lock_wait_s: float | None = 1.0,
        threads: int = 0,
        workarounds: frozenset[str] = frozenset(),
        files_cache_ttl: int = DEFAULT_FILES_CACHE_TTL,
        files_cache_suffix: str = "",
        uses_archive_indexes: bool = True,
    ) -> None:
        self.location = location
        self.sink = sink
        self.locks = locks
        self.lock_wait_s = lock_wait_s
        self.threads = threads  # 0: one for each core
        self.workarounds = workarounds
        self._files_cache_ttl = files_cache_ttl
        self._files_cache_suffix = files_cache_suffix
        self._uses_archive_indexes = uses_archive_indexes
        self._trusts_manifest = False
        self._begun: LockedBlob | None = None

    # -- what a subclass says ------------------------------------------------------------------------------------------

    @property
    def passphrases(self) -> PassphraseSource:
        """Where the passphrase of the key comes from."""
        raise NotImplementedError

    def confirm(self, question: str, variable: str) -> bool:
        """Whether an access that is not as before is meant; `variable` names what is asked."""
        raise NotImplementedError

    def remote_settings(self, *, storage_quota: int = 0) -> RemoteSettings:
        """How to reach the server of a repository on another machine; the quota is for one that is being made."""
        raise NotImplementedError

    # -- rules ---------------------------------------------------------------------------------------------------------

    def trust(self, *, manifest: bool, workaround: str | None = None) -> None:
        """Makes the doors below accept a manifest that is not authenticated, or use a workaround."""
        self._trusts_manifest = manifest
        if workaround is not None:
            self.workarounds |= {workaround}

    def require_locks(self) -> None:
        """Error if the user wants none, for commands that do not know --bypass-lock."""
        if not self.locks:
            raise Error("Not allowed to bypass locking mechanism for chosen command")

    @property
    def canonical_location(self) -> str:
        """How the security record and the cache name the repository."""
        return os.path.abspath(self.location.path) if self.location.is_local else self.location.canonical()

    def own_places(self) -> set[tuple[int, int]]:
        """(inode, device) of the directories that a backup must not swallow: the cache and the repository itself."""
        from vinculum.platform import paths

        places = set()
        for path in (paths.cache_dir(), *([self.location.path] if self.location.is_local else [])):
            try:
                found = os.stat(path)
            except OSError:
                continue
            places.add((found.st_ino, found.st_dev))
        return places

    def begin_unlocking(self) -> None:
        """Begins to unlock the key in the background, for commands that have more to import before they knock.

        Only where the key is at hand, and so is the passphrase. What is wrong will show when the doors are opened.
        """
        passphrase = self.passphrases.at_hand()
        if passphrase is None or self.threads == 1 or not self.location.is_local:
            return
        from vinculum.keys.blob import LockedBlob, decode_text
        from vinculum.repository.config import read_config
        from vinculum.repository.storage import LocalStorage

        path = self.location.path
        try:
            text = read_config(LocalStorage(path), path).values.get("key", "")
            self._begun = LockedBlob(decode_text(text.encode()))
            self._begun.begin(passphrase)
        except (Error, OSError, ValueError):
            pass

    # -- doors ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def open_repository(
        self, *, exclusive: bool = False, locked: bool = True, may_bypass: bool | None = None
    ) -> Iterator[Store]:
        """The bare store, here or on another machine. Everything that may write needs `exclusive`.

        `may_bypass` says whether --bypass-lock is allowed (by default: unless `exclusive`); without `locked` nothing is locked.
        """
        if self.location.is_local:
            with self.open_local_repository(exclusive=exclusive, locked=locked, may_bypass=may_bypass) as local:
                yield local
            return
        from vinculum.remote.client import RemoteRepository

        self._check_bypass(exclusive, may_bypass)
        with RemoteRepository(
            self.location,
            self.remote_settings(),
            self.sink,
            exclusive=exclusive,
            lock=self.locks and locked,
            lock_wait=self.lock_wait_s,
        ) as remote:
            yield remote

    @contextmanager
    def open_local_repository(
        self, *, exclusive: bool = False, locked: bool = True, may_bypass: bool | None = None
    ) -> Iterator[Repository]:
        """The same for what only a repository in a directory can do. Error if it is on another machine."""
        from vinculum.repository.repository import Repository

        if not self.location.is_local:
            raise Error(f"That works only on the machine which the repository is on: {self.location.canonical()}")
        self._check_bypass(exclusive, may_bypass)
        with Repository(
            self.location.path, exclusive=exclusive, lock=self.locks and locked, lock_wait=self.lock_wait_s, sink=self.sink
        ) as store:
            yield store

    def _check_bypass(self, exclusive: bool, may_bypass: bool | None) -> None:
        if not (not exclusive if may_bypass is None else may_bypass):
            self.require_locks()

    @contextmanager
    def open_archives(
        self,
        operation: Operation | None,
        *,
        exclusive: bool = False,
        may_bypass: bool | None = None,
    ) -> Iterator[OpenArchives]:
        """Repository, key and manifest; access has been checked, and so has that we know all features `operation` needs.

        With None for `operation`, features do not matter.
        """
        with self.open_manifest(operation, exclusive=exclusive, may_bypass=may_bypass) as archives:
            self._check_access(archives)
            yield archives

    @contextmanager
    def open_cache(
        self,
        operation: Operation | None,
        *,
        exclusive: bool = True,
        files_cache_mode: str | None = None,
        may_bypass: bool | None = None,
    ) -> Iterator[OpenCache]:
        """Archives and the cache, synchronised; with a files cache if a mode for it is given."""
        with (
            self.open_manifest(
                operation,
                exclusive=exclusive,
                may_bypass=may_bypass,
                preloading=lambda id: self._preloading(id, files_cache_mode),
            ) as archives,
            self.with_cache(archives, files_cache_mode) as opened,
        ):
            yield opened

    @contextmanager
    def with_cache(self, archives: OpenArchives, files_cache_mode: str | None = None) -> Iterator[OpenCache]:
        """What is open already, and its cache, synchronised. This checks access, too."""
        from vinculum.archive.cache_sync import synchronise
        from vinculum.cache.directory import Cache
        from vinculum.platform import paths

        paths.make_cache_dir()  # with the tag by which other backups leave it out
        store = archives.store
        with Cache(
            self.cache_directory(store.id),
            store.id,
            archives.key,
            self.canonical_location,
            _security_record(store.id),
            lock_wait=self.lock_wait_s,
            sink=self.sink,
            files=self._files_settings(files_cache_mode),
            preloaded=archives.preloaded,
        ) as cache:
            cache.check_access(archives.manifest, self.confirm)
            if not cache.is_synchronised(archives.manifest):
                synchronise(
                    cache,
                    store,
                    archives.key,
                    archives.manifest,
                    self.sink,
                    use_archive_indexes=self._uses_archive_indexes,
                    workarounds=self.workarounds,
                )
            yield OpenCache(archives, cache)

    @contextmanager
    def open_any_cache(self, operation: Operation, *, files_cache_mode: str | None = None) -> Iterator[OpenAnyCache]:
        """Archives, and the cache if it needs no synchronisation; else an index for this command alone."""
        from vinculum.cache.adhoc import AdHocCache
        from vinculum.cache.unopened import is_in_sync

        with self.open_manifest(operation, exclusive=True) as archives:
            store = archives.store
            if is_in_sync(self.cache_directory(store.id), archives.manifest, self.lock_wait_s):
                with self.with_cache(archives, files_cache_mode) as opened:
                    yield opened
                return
            self._check_access(archives)
            record = _security_record(store.id)
            yield OpenAdHocCache(archives, AdHocCache(store, archives.key, self.canonical_location, record, self.sink))

    @contextmanager
    def open_manifest(
        self,
        operation: Operation | None,
        *,
        exclusive: bool = False,
        may_bypass: bool | None = None,
        preloading: Callable[[bytes], AbstractContextManager[Preloaded | None]] = lambda _: nullcontext(),
    ) -> Iterator[OpenArchives]:
        """Repository, key and manifest for those who go on to the cache: access has not been checked yet.

        With None for `operation`, features do not matter. `preloading` is given the repository's id, to do something meanwhile.
        """
        with (
            self.open_repository(exclusive=exclusive, may_bypass=may_bypass) as store,
            preloading(store.id) as preloaded,
        ):
            stored, key, manifest = self._read_manifest(store)
            if operation is not None:
                manifest.check_feature_flags(operation)
            first_counter = key.first_counter(stored) if exclusive else None
            yield OpenArchives(store, key, manifest, self.make_codec(store, key, first_counter), preloaded)

    def make_codec(self, store: Store, key: Key, first_counter: int | None) -> ObjectCodec:
        """What seals new objects, with no counter below the first; without one nothing can be encrypted."""
        from vinculum._native import Compressor
        from vinculum.keys.counters import NONCE_NAME, CounterAllocator
        from vinculum.objects.codec import ObjectCodec
        from vinculum.platform import paths

        counters = None
        if first_counter is not None and key.encrypts:
            counters = CounterAllocator(store, os.path.join(paths.security_dir(store.id), NONCE_NAME), first_counter)
        return ObjectCodec(key, counters, Compressor(_COMPRESSION))

    def read_manifest(self, store: Store) -> Manifest:
        """The manifest of an open repository, whatever features it needs. NoManifestError."""
        return self._read_manifest(store)[2]

    def open_key(self, store: Store, stored: Blob) -> Key:
        """The key of an open repository, which any of its stored objects tells the mode of."""
        from vinculum.keys.key import open_key

        return open_key(store, stored, self.passphrases, workarounds=self.workarounds, begun=self._begun)

    def forget_cache(self, repository_id: bytes) -> None:
        """Deletes what this client caches of a repository."""
        from vinculum.cache.layout import destroy_cache

        destroy_cache(self.cache_directory(repository_id))

    def forget_security_record(self, repository_id: bytes) -> None:
        """Deletes what this client knows a repository by."""
        _security_record(repository_id).destroy()

    def cache_directory(self, repository_id: bytes) -> str:
        """Where this client's cache of a repository is."""
        from vinculum.platform import paths

        return os.path.join(paths.cache_dir(), repository_id.hex())

    # -- inside --------------------------------------------------------------------------------------------------------

    def _check_access(self, archives: OpenArchives) -> None:
        from vinculum.cache.unopened import check_access_without_cache

        check_access_without_cache(
            self.cache_directory(archives.store.id),
            archives.key,
            archives.manifest,
            self.canonical_location,
            _security_record(archives.store.id),
            lock_wait=self.lock_wait_s,
            confirm=self.confirm,
        )

    def _read_manifest(self, store: Store) -> tuple[Bytes, Key, Manifest]:
        from vinculum.archive.manifest import Manifest, fetch_manifest_object

        stored = fetch_manifest_object(store)
        key = self.open_key(store, stored)
        if self._trusts_manifest and key.tam_required:
            self.sink.warning("Manifest authentication DISABLED.", 0)
        return stored, key, Manifest.load(store, key, stored=stored, trust=self._trusts_manifest)

    def _preloading(self, repository_id: bytes, files_cache_mode: str | None) -> AbstractContextManager[Preloaded | None]:
        from vinculum.cache.preloading import preloading

        if self.threads == 1:
            return nullcontext()
        return preloading(self.cache_directory(repository_id), self._files_settings(files_cache_mode))

    def _files_settings(self, mode: str | None) -> FilesCacheSettings | None:
        from vinculum.cache.directory import FilesCacheSettings

        if mode is None or "d" in mode:  # disabled: what is there stays for other runs
            return None
        return FilesCacheSettings(mode, self._files_cache_ttl, self._files_cache_suffix)


def _security_record(repository_id: bytes) -> SecurityRecord:
    from vinculum.cache.security import SecurityRecord
    from vinculum.platform import paths

    return SecurityRecord(paths.security_dir(repository_id))
