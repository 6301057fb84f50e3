"""What the layers above may ask of a repository, local or remote, and the one key that means something to it.

Consumers rely on these methods only. A store is confined to one thread at a time.
"""

from __future__ import annotations

from vinculum.formats.ids import ID_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from vinculum._native import Blob, Bytes, SealedBatch
else:
    Protocol = object

MANIFEST_KEY = bytes(ID_BYTES)


class ObjectWindow:
    """Some objects as they were read: `ids` of `objects`, and the ids of others with what is wrong with them. Immutable."""

    __slots__ = ("damaged", "ids", "objects")

    def __init__(self, ids: bytes, objects: list[Bytes], damaged: list[tuple[bytes, str]]) -> None:
        self.ids = ids
        self.objects = objects
        self.damaged = damaged

    def __len__(self) -> int:
        return len(self.objects) + len(self.damaged)


class Store(Protocol):
    """A transactional map from ids (32 bytes) to stored objects."""

    @property
    def id(self) -> bytes: ...
    @property
    def path(self) -> str: ...
    @property
    def append_only(self) -> bool: ...

    def get(self, id: bytes) -> Bytes:
        """One stored object. ObjectNotFound if there is none."""

    def get_many(self, ids: bytes) -> list[Bytes]:
        """The objects of n ids end to end, in that order. ObjectNotFound names the first that is missing."""

    def expect(self, ids: bytes) -> None:
        """Tells that `get_many` will be called with just these ids soon, so that they can be on their way by then."""

    def put(self, id: bytes, data: Blob) -> None:
        """Stores one object, replacing what was there."""

    def put_many(self, sealed: SealedBatch) -> None:
        """Stores a batch of objects with distinct ids, replacing what was there."""

    def delete(self, id: bytes) -> None:
        """Removes one object. ObjectNotFound if there is none."""

    def delete_many(self, ids: bytes) -> bytes:
        """Removes the objects of n distinct ids; returns the ids of which there was none."""

    def commit(self, *, compact: bool = False, threshold: float = 0.1, cleanup_commits: bool = False) -> None:
        """Makes everything since the last commit permanent; nothing happens if nothing was changed.

        With `compact` each segment file of which more than the share `threshold` is superseded gives that space back, unless
        the store is append-only; `cleanup_commits` includes files that hold a COMMIT only but were not counted as such.
        """

    def rollback(self) -> None:
        """Forgets everything since the last commit."""

    def list(self, limit: int | None = None, marker: bytes | None = None) -> list[bytes]:
        """Up to `limit` ids in a stable order, after `marker`."""

    def ids_in_disk_order(self) -> Iterator[bytes]:
        """All ids in the order in which reading their objects is quickest. Nothing may be written meanwhile."""

    def read_all(self) -> Iterator[ObjectWindow]:
        """All objects, some at a time, in the order in which that is quickest. Nothing may be written meanwhile."""

    def check(self, *, repair: bool = False, max_duration_s: int = 0) -> bool:
        """Checks how everything is stored, and repairs it if asked to; False if it is damaged, still.

        With `max_duration_s` only checksums, and only as many of them as that time suffices for: the next one goes on there.
        """

    def __len__(self) -> int: ...

    def load_key(self) -> bytes:
        """The key blob kept in the repository, empty if there is none."""

    def save_key(self, data: bytes) -> None: ...

    def get_free_nonce(self) -> int | None:
        """The first counter that was not reserved yet, None if none ever was."""

    def break_lock(self) -> None:
        """Removes all locks of the repository, whoever holds them."""

    def destroy(self) -> None:
        """Deletes the whole repository. Refused if it is append-only."""

    def commit_nonce_reservation(self, next_unreserved: int, start_nonce: int | None) -> None:
        """Reserves counters up to `next_unreserved` if the first free one still is `start_nonce`."""
