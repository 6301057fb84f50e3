"""Batches of stored objects as the pipeline hands them to a repository."""

from __future__ import annotations

from vinculum._native import ChunkBatch, Compressor, IdHasher, SealedBatch, Sealer

PLAIN_TYPE = 2
HASHER = IdHasher("sha256")


def sealed(contents: list[bytes]) -> SealedBatch:
    """One unencrypted, uncompressed object per content."""
    sealer = Sealer(PLAIN_TYPE, "none", b"", b"", Compressor("none"))
    return sealer.seal(ChunkBatch.of(list(contents), HASHER), 0)


def objects_of(batch: SealedBatch) -> dict[bytes, bytes]:
    """The objects of a batch by their ids."""
    ids = batch.ids()
    return {ids[at * 32 : at * 32 + 32]: bytes(batch.object(at)) for at in range(len(batch))}
