"""What this client remembers of a repository, and whether an access agrees with it.

The record is three small text files in the repository's security directory (beside what `keys` keeps there). It guards against
a repository that was exchanged for another one, for an older copy, or for one with another key. Invariant: a record is only
ever replaced by facts that the user, or an authenticated manifest, stands for.
"""

from __future__ import annotations

import os

from vinculum.errors import (
    CacheInitAborted,
    EncryptionMethodMismatch,
    RepositoryAccessAborted,
    RepositoryIdNotUnique,
    RepositoryReplay,
)
from vinculum.platform.files import write_atomically
from vinculum.platform.paths import make_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TypeAlias

    class AccessKey(Protocol):
        @property
        def type_byte(self) -> int: ...
        @property
        def logically_encrypted(self) -> bool: ...

    class AccessManifest(Protocol):
        @property
        def timestamp(self) -> str: ...

    class CachedFacts(Protocol):
        """What a cache's config knows of the last access; None where it does not."""

        @property
        def previous_location(self) -> str | None: ...
        @property
        def timestamp(self) -> str | None: ...
        @property
        def key_type(self) -> int | None: ...

    Confirm: TypeAlias = Callable[[str, str], bool]
    """(question, environment variable that may answer it) -> whether the user agrees."""

UNENCRYPTED_VARIABLE = "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK"
RELOCATED_VARIABLE = "BORG_RELOCATED_REPO_ACCESS_IS_OK"
# The end of both, from "Do you" on, is what scripts wait for.
UNENCRYPTED_QUESTION = (
    "Warning: This repository is not encrypted, and this client has not accessed it before!\nDo you want to continue? [yN] "
)
RELOCATED_QUESTION = "Warning: The repository at {} was at {} when it was last accessed!\nDo you want to continue? [yN] "

UNENCRYPTED_TYPE = 0x02


class SecurityRecord:
    """The files in the security directory of one repository. Nothing is kept in memory; the directory may not exist yet."""

    __slots__ = ("directory",)

    def __init__(self, directory: str) -> None:
        self.directory = directory

    @property
    def location(self) -> str | None:
        return self._read("location")

    @property
    def key_type(self) -> int | None:
        """The type byte; None if it was never noted, -1 if what was noted is not a number (so that it matches no key)."""
        text = self._read("key-type")
        if text is None:
            return None
        try:
            return int(text)
        except ValueError:
            return -1

    @property
    def timestamp(self) -> str | None:
        return self._read("manifest-timestamp")

    @property
    def is_known(self) -> bool:
        """True once this client has completed an access to the repository."""
        return all(
            os.path.exists(os.path.join(self.directory, name)) for name in ("location", "key-type", "manifest-timestamp")
        )

    def save(self, location: str, key_type: int, timestamp: str) -> None:
        """Notes the facts of one access, all three of them."""
        self._write("location", location)
        self._write("key-type", str(key_type))
        self._write("manifest-timestamp", timestamp)

    def save_location(self, location: str) -> None:
        self._write("location", location)

    def destroy(self) -> None:
        """Forgets the repository, with all that other parts of the program keep beside the record."""
        import shutil  # rarely needed

        if os.path.isdir(self.directory):
            shutil.rmtree(self.directory)

    def _read(self, name: str) -> str | None:
        try:
            with open(os.path.join(self.directory, name), encoding="utf-8", errors="surrogateescape") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _write(self, name: str, text: str) -> None:
        # Unchanged facts are not written again: each write costs two fsyncs, and every command gets here.
        if self._read(name) != text:
            make_private(self.directory)
            write_atomically(os.path.join(self.directory, name), text.encode("utf-8", "surrogateescape"))


def check_access(
    record: SecurityRecord,
    key: AccessKey,
    manifest: AccessManifest,
    location: str,
    *,
    cached: CachedFacts | None = None,
    confirm: Confirm,
    ask_if_unencrypted: bool = True,
) -> bool:
    """Compares this access with what is known; asks where the user may decide, raises where not.

    `location` is the canonical one. Returns True if the repository moved with the user's consent: the record knows that then,
    but a cache that was the source of `cached` still has to be told. An unknown repository is known afterwards.
    """
    known = record.is_known
    if (
        not known
        and ask_if_unencrypted
        and not key.logically_encrypted
        and not confirm(UNENCRYPTED_QUESTION, UNENCRYPTED_VARIABLE)
    ):
        raise CacheInitAborted
    relocated = _check_location(record, location, cached, confirm)
    if any(noted not in (None, key.type_byte) for noted in (record.key_type, cached.key_type if cached else None)):
        raise EncryptionMethodMismatch
    newest = max(record.timestamp or "", (cached.timestamp if cached else None) or "")
    if newest > manifest.timestamp:
        raise RepositoryIdNotUnique if key.type_byte == UNENCRYPTED_TYPE else RepositoryReplay
    if not known:
        record.save(location, key.type_byte, manifest.timestamp)
    return relocated


def _check_location(record: SecurityRecord, location: str, cached: CachedFacts | None, confirm: Confirm) -> bool:
    previous = (cached.previous_location if cached else None) or record.location
    if not previous or previous == location:
        return False
    if not confirm(RELOCATED_QUESTION.format(location, previous), RELOCATED_VARIABLE):
        raise RepositoryAccessAborted
    record.save_location(location)
    return True
