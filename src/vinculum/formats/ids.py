"""Ids in bulk: n of them are n times 32 bytes, end to end, which is how kernels take them and give them back."""

from __future__ import annotations

ID_BYTES = 32


def split_ids(ids: bytes) -> list[bytes]:
    """Each by itself, in the same order."""
    return [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]
