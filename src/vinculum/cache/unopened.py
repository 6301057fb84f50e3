"""What a cache says that is not opened: commands that need nothing else of it load no more than its config, under its lock."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

from vinculum.cache.config import CacheConfig
from vinculum.cache.security import check_access
from vinculum.repository.locking import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from vinculum.cache.security import AccessKey, AccessManifest, Confirm, SecurityRecord

    class IdentifiedManifest(Protocol):
        @property
        def id(self) -> bytes: ...


def check_access_without_cache(
    directory: str,
    key: AccessKey,
    manifest: AccessManifest,
    location: str,
    record: SecurityRecord,
    *,
    lock_wait: float | None,
    confirm: Confirm,
) -> None:
    """See `security.check_access`, for commands that do not open the cache: locks it (if there is one) just to read its config.

    A config that cannot be read is passed over; `Cache` repairs it.
    """
    config = _read_config(directory, lock_wait)
    if check_access(record, key, manifest, location, cached=config, confirm=confirm) and config is not None:
        # Not locked while the user was asked, so anything may have happened in between.
        with _locked(directory, lock_wait), suppress(FileNotFoundError, ValueError):
            config = CacheConfig.load(config.path)
            config.previous_location = location
            config.save()


def is_in_sync(directory: str, manifest: IdentifiedManifest, lock_wait: float | None) -> bool:
    """Whether there is a cache that needs no synchronisation, as far as its config knows."""
    config = _read_config(directory, lock_wait)
    return config is not None and config.manifest_id == manifest.id


def _read_config(directory: str, lock_wait: float | None) -> CacheConfig | None:
    if not os.path.isdir(directory):
        return None
    with _locked(directory, lock_wait):
        try:
            return CacheConfig.load(os.path.join(directory, "config"))
        except (FileNotFoundError, ValueError):
            return None


@contextmanager
def _locked(directory: str, lock_wait: float | None) -> Iterator[None]:
    lock = Lock(directory, exclusive=True, timeout_s=lock_wait)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()
