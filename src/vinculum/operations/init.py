"""Making a new repository: directory, key, an empty manifest, and this client's record of it.

All or nothing: whatever stops it half way, an interruption at the passphrase prompt above all, nothing is left behind.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from vinculum._native import Compressor
from vinculum.archive.manifest import Manifest
from vinculum.cache.security import SecurityRecord
from vinculum.keys.counters import NONCE_NAME, CounterAllocator
from vinculum.keys.key import create_key
from vinculum.keys.modes import MODES
from vinculum.keys.related_secrets import read_related_secrets
from vinculum.objects.codec import ObjectCodec
from vinculum.platform import paths
from vinculum.repository.repository import Repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from vinculum.events import Sink
    from vinculum.keys.key import Key
    from vinculum.keys.passphrase import PassphraseSource
    from vinculum.repository.store import Store

_COMPRESSION = "lz4"  # of the first manifest; as good as any


def create_repository(
    new: AbstractContextManager[Store],
    mode: str,
    passphrases: PassphraseSource,
    *,
    path: str,
    host: str | None = None,
    related_secrets_path: str | None = None,
) -> Key:
    """Puts a key of encryption mode `mode` and a manifest into a repository that entering `new` makes; returns the key.

    If that fails, leaving `new` unmakes it. A key file is named after `path`, and `host` if it is another.
    """
    related = read_related_secrets(related_secrets_path, MODES[mode]) if related_secrets_path else None
    made: list[str] = []
    try:
        with new as store:
            made.append(paths.security_dir(store.id))
            key = create_key(store, mode, passphrases, path=path, host=host, related=related)
            if key.key_file is not None:
                made.append(key.key_file)
            _write_first_manifest(store, key)
    except BaseException:
        for name in reversed(made):
            _remove(name)
        raise
    return key


@contextmanager
def new_local_repository(
    path: str,
    sink: Sink,
    *,
    append_only: bool = False,
    storage_quota: int = 0,
    make_parent_dirs: bool = False,
    lock_wait_s: float | None = 1.0,
) -> Iterator[Repository]:
    """Makes an empty repository in a directory and opens it; if what is done with it fails, everything is as it was."""
    path = os.path.abspath(path)
    place = _Place(path)
    try:
        Repository.create(path, append_only=append_only, storage_quota=storage_quota, make_parent_dirs=make_parent_dirs)
        with Repository(path, exclusive=True, lock_wait=lock_wait_s, sink=sink) as store:
            yield store
    except BaseException:
        place.restore()
        raise


def _write_first_manifest(store: Store, key: Key) -> None:
    record = SecurityRecord(paths.security_dir(store.id))
    paths.make_private(record.directory)
    counters = CounterAllocator(store, os.path.join(record.directory, NONCE_NAME), 0) if key.encrypts else None
    manifest = Manifest.new(key)
    manifest.write(store, ObjectCodec(key, counters, Compressor(_COMPRESSION)))
    store.commit()
    record.save(store.path, key.type_byte, manifest.timestamp)


class _Place:
    """What was there before, so that it can be as it was."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._was_directory = os.path.isdir(path)
        self._was_free = not os.path.lexists(path) or (self._was_directory and not _list(path))
        self._missing_parents = []
        parent = os.path.dirname(path)
        while not os.path.lexists(parent):
            self._missing_parents.append(parent)
            parent = os.path.dirname(parent)

    def restore(self) -> None:
        """Removes everything that has come into being since; nothing if something else was there."""
        if not self._was_free:
            return
        if self._was_directory:
            for name in _list(self.path):
                _remove(os.path.join(self.path, name))
        else:
            _remove(self.path)
        for parent in self._missing_parents:
            _remove_empty(parent)


def _list(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except PermissionError:
        return ["?"]


def _remove(path: str) -> None:
    import shutil  # costs start-up time, and failing is rare

    try:
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except OSError:
        pass  # what made us give up is what has to be reported


def _remove_empty(directory: str) -> None:
    try:
        os.rmdir(directory)
    except OSError:
        pass
