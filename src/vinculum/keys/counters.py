"""Hands out AES counters, each at most once per key.

The repository and this client's security directory both record the first counter that nobody reserved. Ranges are reserved in
big steps; a reservation is durable in both places before its first counter is used, so whatever dies, no later session starts
inside it. What was decrypted never influences what is handed out.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from vinculum.errors import Error
from vinculum.platform.files import write_atomically
from vinculum.platform.paths import make_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from vinculum._native import Blob

    class NonceStore(Protocol):
        def get_free_nonce(self) -> int | None: ...
        def commit_nonce_reservation(self, next_unreserved: int, start_nonce: int | None) -> None: ...


RESERVATION = 2**28
LIMIT = 2**64 - 1
NONCE_NAME = "nonce"  # the file in a client's security directory
BLOCK_BYTES = 16
_IV = slice(33, 41)  # behind type byte and MAC
_HEX_DIGITS = 16


def counter_after(manifest_object: Blob) -> int:
    """The first counter that the stored manifest cannot have used; it must be authentic, and the repository encrypted."""
    view = memoryview(manifest_object)
    # The whole object counts, envelope included: that is more than was used, and what every other program does.
    return int.from_bytes(view[_IV], "big") + _blocks(len(view))


class CounterAllocator:
    """Counters for one session on one repository, which must be locked exclusively. Thread-safe.

    `first` comes from the manifest (`counter_after`, 0 for a new repository), `security_nonce_path` is this client's record.
    """

    def __init__(self, store: NonceStore, security_nonce_path: str, first: int) -> None:
        self._store = store
        self._path = security_nonce_path
        self._next = first
        self._end: int | None = None
        self._lock = allocate_lock()

    def allocate(self, count: int) -> int:
        """The first of `count` consecutive counters that nobody else gets."""
        with self._lock:
            if count and (self._end is None or self._next + count > self._end):
                self._reserve(count)
            start = self._next
            self._next = start + count
            return start

    def _reserve(self, count: int) -> None:
        in_repository = self._store.get_free_nonce()
        in_security = self._read_security()
        start = max(self._next, in_repository or 0, in_security or 0, self._end or 0)
        end = start + count + RESERVATION
        if end >= LIMIT:
            raise Error("This repository's key has no unused counters left; continue in a new repository.")
        self._store.commit_nonce_reservation(end, in_repository)
        if self._read_security() != in_security:
            raise Error(f"{self._path} changed while it was being updated; is another process using this repository?")
        make_private(os.path.dirname(self._path))
        write_atomically(self._path, f"{end:0{_HEX_DIGITS}x}".encode("ascii"), 0o600)
        self._next, self._end = start, end

    def _read_security(self) -> int | None:
        try:
            with open(self._path, "rb") as file:
                content = file.read().strip()
        except FileNotFoundError:
            return None
        try:
            if len(content) != _HEX_DIGITS:
                raise ValueError(content)
            return int(bytes.fromhex(content.decode("ascii")).hex(), 16)
        except ValueError:
            raise Error(f"{self._path} is damaged: it should hold {_HEX_DIGITS} hex digits.") from None


def _blocks(size_bytes: int) -> int:
    return (size_bytes + BLOCK_BYTES - 1) // BLOCK_BYTES
