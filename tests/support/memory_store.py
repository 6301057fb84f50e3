"""A complete repository in memory, with transactions and nonce, that remembers what was done to it in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from support.keys import key_of
from vinculum._native import Bytes, ChunkBatch, ChunkIndex, Compressor, IdHasher, SealedBatch, Sealer
from vinculum.archive.manifest import Manifest
from vinculum.errors import Error, ObjectNotFound
from vinculum.formats.ids import ID_BYTES, split_ids
from vinculum.objects.codec import ObjectCodec
from vinculum.operations.opened import OpenAnyCache, OpenArchives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.plain_key import PlainKey
    from vinculum._native import Blob


class Reservation(NamedTuple):
    """One successful reservation of counters."""

    start: int | None
    end: int


class MemoryStore:
    """Implements `repository.store.Store`. Key and nonce are, as in real repositories, outside of transactions."""

    def __init__(self, id: bytes = bytes(range(32)), path: str = "/memory/repo") -> None:
        self.id = id
        self.path = path
        self.append_only = False
        self.key_text = b""
        self.nonce: int | None = None
        self.reservations: list[Reservation] = []
        self.fail_next_reservation = False
        self.commits = 0
        self.objects: dict[bytes, Bytes] = {}
        self.fetched: list[bytes] = []
        self.requests: list[int] = []
        """How many objects each `get_many` asked for."""
        self._committed: dict[bytes, Bytes] = {}

    def get(self, id: bytes) -> Bytes:
        self.fetched.append(id)
        try:
            return self.objects[id]
        except KeyError:
            raise ObjectNotFound(id.hex(), self.path) from None

    def get_many(self, ids: bytes) -> list[Bytes]:
        self.requests.append(len(ids) // ID_BYTES)
        return [self.get(id) for id in split_ids(ids)]

    def expect(self, ids: bytes) -> None:
        """Nothing takes time."""

    def put(self, id: bytes, data: Blob) -> None:
        self.objects[id] = frozen(bytes(data)) if isinstance(data, bytes) else data

    def put_many(self, sealed: SealedBatch) -> None:
        for index, id in enumerate(split_ids(sealed.ids())):
            self.put(id, sealed.object(index))

    def store(self, key: PlainKey, *buffers: Blob, compression: str = "none") -> list[bytes]:
        """Seals and stores the buffers; returns their ids."""
        sealed = key.seal(ChunkBatch.of(list(buffers), key.hasher), compression)
        self.put_many(sealed)
        return split_ids(sealed.ids())

    def delete(self, id: bytes) -> None:
        if self.objects.pop(id, None) is None:
            raise ObjectNotFound(id.hex(), self.path)

    def delete_many(self, ids: bytes) -> bytes:
        return b"".join(id for id in split_ids(ids) if self.objects.pop(id, None) is None)

    def commit(self) -> None:
        self.commits += 1
        self._committed = dict(self.objects)

    def rollback(self) -> None:
        self.objects = dict(self._committed)

    def list(self, limit: int | None = None, marker: bytes | None = None) -> list[bytes]:
        ids = [*self.objects]
        start = 0 if marker is None else ids.index(marker) + 1
        return ids[start:] if limit is None else ids[start : start + limit]

    def ids_in_disk_order(self) -> Iterator[bytes]:
        return iter(self.objects)

    def __len__(self) -> int:
        return len(self.objects)

    def __contains__(self, id: bytes, /) -> bool:
        return id in self.objects

    def load_key(self) -> bytes:
        return self.key_text

    def save_key(self, data: bytes) -> None:
        self.key_text = data

    def get_free_nonce(self) -> int | None:
        return self.nonce

    def commit_nonce_reservation(self, next_unreserved: int, start_nonce: int | None) -> None:
        if self.fail_next_reservation:
            self.fail_next_reservation = False
            raise OSError(28, "No space left on device")
        if self.nonce != start_nonce:
            raise Error("the nonce changed meanwhile")
        self.nonce = next_unreserved
        self.reservations.append(Reservation(start_nonce, next_unreserved))


class Counts:
    """A cache that counts references, and of which nothing is kept."""

    def __init__(self) -> None:
        self.chunks = ChunkIndex()

    def commit(self, manifest: Manifest) -> None:
        """There is nothing to be written."""


def opened_in_memory(store: MemoryStore) -> OpenAnyCache:
    """What a door would make of it: nothing is encrypted, and there is no archive."""
    key = key_of("none")
    archives = OpenArchives(store, key, Manifest.new(key), ObjectCodec(key, None, Compressor("lz4")))  # type: ignore[arg-type]
    return OpenAnyCache(archives, Counts())  # type: ignore[arg-type]


def frozen(data: bytes) -> Bytes:
    """The same bytes as a native handle."""
    hasher = IdHasher("sha256")
    sealed = Sealer(0, "none", b"", b"", Compressor("none")).seal(ChunkBatch.of([data], hasher), 0).object(0)
    handle = sealed.slice(3, len(sealed))  # behind type byte and compression header
    assert bytes(handle) == data
    return handle
