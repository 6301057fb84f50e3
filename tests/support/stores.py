"""A repository in memory and a key without secrets: what tests of the layers above the repository read from and write to."""

from __future__ import annotations

from vinculum._native import Bytes, ChunkBatch, Compressor, IdHasher, Opener, SealedBatch, Sealer
from vinculum.errors import ObjectNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum._native import Blob

ID_BYTES = 32


class PlainKey:
    """Mode `none`: SHA-256 ids, nothing encrypted."""

    name = "none"
    type_byte = 2
    chunk_seed = 0
    encrypts = False
    logically_encrypted = False
    tam_required = False

    def __init__(self) -> None:
        self.hasher = IdHasher("sha256")
        self.opener = Opener(bytes([self.type_byte]), "none", b"", b"", self.hasher)

    def seal(self, chunks: ChunkBatch, compression: str = "none") -> SealedBatch:
        return Sealer(self.type_byte, "none", b"", b"", Compressor(compression)).seal(chunks, 0)


class MemoryStore:
    """Implements `repository.store.Store` as far as readers go, and counts what was asked of it."""

    def __init__(self) -> None:
        self.id = bytes(range(32))
        self.path = "memory"
        self.append_only = False
        self.objects: dict[bytes, Bytes] = {}
        self.fetched: list[bytes] = []
        self.requests: list[int] = []
        """How many objects each `get_many` asked for."""

    def put_many(self, sealed: SealedBatch) -> None:
        ids = sealed.ids()
        for index in range(len(sealed)):
            self.objects[ids[index * ID_BYTES : (index + 1) * ID_BYTES]] = sealed.object(index)

    def store(self, key: PlainKey, *buffers: Blob, compression: str = "none") -> list[bytes]:
        """Seals and stores the buffers; returns their ids."""
        sealed = key.seal(ChunkBatch.of(list(buffers), key.hasher), compression)
        self.put_many(sealed)
        ids = sealed.ids()
        return [ids[start : start + ID_BYTES] for start in range(0, len(ids), ID_BYTES)]

    def expect(self, ids: bytes) -> None:
        """Nothing takes time."""

    def get(self, id: bytes) -> Bytes:
        self.fetched.append(id)
        try:
            return self.objects[id]
        except KeyError:
            raise ObjectNotFound(id.hex(), self.path) from None

    def get_many(self, ids: bytes) -> list[Bytes]:
        self.requests.append(len(ids) // ID_BYTES)
        return [self.get(ids[start : start + ID_BYTES]) for start in range(0, len(ids), ID_BYTES)]

    def list(self, limit: int | None = None, marker: bytes | None = None) -> list[bytes]:  # noqa: ARG002 (from the start only)
        return list(self.objects)[:limit]

    def ids_in_disk_order(self) -> Iterator[bytes]:
        return iter(self.objects)

    def delete(self, id: bytes) -> None:
        del self.objects[id]

    def delete_many(self, ids: bytes) -> bytes:
        each = [ids[start : start + 32] for start in range(0, len(ids), 32)]
        return b"".join(id for id in each if self.objects.pop(id, None) is None)

    def __len__(self) -> int:
        return len(self.objects)

    def __contains__(self, id: bytes, /) -> bool:
        return id in self.objects
