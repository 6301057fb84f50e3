"""A key without secrets, for tests of what reads and writes objects."""

from __future__ import annotations

from vinculum._native import ChunkBatch, Compressor, IdHasher, Opener, SealedBatch, Sealer


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
