"""Turns chunks into stored objects and back: one key, one compression, one source of counters.

Knows neither what the objects mean nor where they are stored. Reading never touches the counters.
"""

from __future__ import annotations

from vinculum._native import ChunkBatch
from vinculum.errors import Error
from vinculum.objects.limits import MAX_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from vinculum._native import Blob, Bytes, Compressor, IdHasher, Opener, SealedBatch, Sealer, Sealing

    class CodecKey(Protocol):
        @property
        def hasher(self) -> IdHasher: ...
        @property
        def opener(self) -> Opener: ...
        def sealer(self, compressor: Compressor) -> Sealer: ...

    class Counters(Protocol):
        def allocate(self, count: int) -> int: ...


class ObjectCodec:
    """Seals and opens the objects of one session. Thread-safe if its counters are.

    `counters` may be None where nothing is sealed or the mode does not encrypt.
    """

    __slots__ = ("_compressor", "_counters", "_hasher", "_key", "_opener", "_sealer")

    def __init__(self, key: CodecKey, counters: Counters | None, compressor: Compressor) -> None:
        self._hasher = key.hasher
        self._opener = key.opener
        self._key = key
        self._compressor = compressor
        self._counters = counters
        self._sealer: Sealer | None = None

    def with_compressor(self, compressor: Compressor) -> ObjectCodec:
        """The same, but new objects are compressed otherwise."""
        return ObjectCodec(self._key, self._counters, compressor)

    def seal(self, chunks: ChunkBatch) -> SealedBatch:
        """The stored objects of all chunks; their counters are durably reserved before anything is encrypted.

        ValueError if one is too big to be stored.
        """
        sealer = self._sealer_for_all()
        return sealer.seal(chunks, self._reserve_counters(sealer, chunks))

    def begin_sealing(self, chunks: ChunkBatch) -> Sealing:
        """The same for who does not wait for the objects yet. The counters are reserved already when it returns."""
        sealer = self._sealer_for_all()
        return sealer.begin(chunks, self._reserve_counters(sealer, chunks))

    def _sealer_for_all(self) -> Sealer:
        if self._sealer is None:  # not before: a key without secrets can be read with, too
            self._sealer = self._key.sealer(self._compressor)
        return self._sealer

    def _reserve_counters(self, sealer: Sealer, chunks: ChunkBatch) -> int:
        needed = sealer.counters(chunks)
        if needed == 0:
            return 0
        if self._counters is None:
            raise Error("This session only reads, so it has no counters to encrypt with.")
        return self._counters.allocate(needed)

    def seal_object(self, plaintext: Blob, what: str = "An object") -> tuple[bytes, SealedBatch]:
        """One object's id and stored form. Error if it is too big to be stored; `what` then tells the user what it is."""
        chunks = ChunkBatch.of([plaintext], self._hasher)
        try:
            sealed = self.seal(chunks)
        except ValueError as error:
            raise Error(f"{what} is too big for this repository format ({MAX_DATA} bytes as stored): {error}") from error
        return chunks.ids(), sealed

    def packed_otherwise(self, stored: list[Bytes], chunks: ChunkBatch) -> ChunkBatch:
        """Those of `chunks` whose objects (`stored`, in the same order) are packed by another method than `seal` chooses."""
        return self._opener.packed_otherwise(stored, chunks, self._compressor)

    def open(self, stored: Blob, id: bytes | None) -> Bytes:
        """The verified plaintext of one stored object; `id` is None for the manifest only."""
        return self._opener.open(stored, id)

    def open_many(self, stored: list[Blob], ids: bytes) -> list[Bytes]:
        """The verified plaintexts of several stored objects."""
        return self._opener.open_many(stored, ids)
