"""Content that need not be fetched: chunks that a local file has at the places where the archived one has them.

A chunk is what its id says, so whatever has the id is as good as what would come from the repository.
"""

from __future__ import annotations

import os

from vinculum import _native
from vinculum.formats.ids import split_ids
from vinculum.operations.extract.window import WINDOW_BYTES, WINDOW_CHUNKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import ChunkList, IdHasher

_LONGEST = 64 << 20  # longer chunks are not looked for: their size may be made up


class LocalContent:
    """Looks into one open file, which is closed with it. Confined to one thread."""

    def __init__(self, fd: int, hasher: IdHasher) -> None:
        self._fd = fd
        self._hasher = hasher

    def __enter__(self) -> LocalContent:
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self._fd)

    def find(self, chunks: ChunkList, offset: int) -> dict[int, _native.Bytes]:
        """Those of consecutive chunks, the first of which is at `offset`, that the file has: place in the list -> content."""
        ids = split_ids(chunks.ids())
        places: list[int] = []
        pieces: list[_native.Bytes] = []
        for place, size in enumerate(chunks.sizes()):
            piece = os.pread(self._fd, min(size, _LONGEST), offset)
            if len(piece) == size:
                places.append(place)
                pieces.append(_native.Bytes(piece))
            offset += size
        found = split_ids(self._hasher.digest_many([*pieces]))
        return {place: content for place, content, id in zip(places, pieces, found, strict=True) if id == ids[place]}

    def is_all_of(self, content: ChunkList) -> bool:
        """True if the file begins with this content."""
        offset = 0
        for part in parts(content):
            if len(self.find(part, offset)) < len(part):
                return False
            offset += part.size_bytes
        return True


def parts(content: ChunkList) -> list[ChunkList]:
    """The content of a file in windows of about as many bytes."""
    step = min(WINDOW_CHUNKS, max(1, len(content) * WINDOW_BYTES // max(1, content.size_bytes)))
    return [content.part(start, min(len(content), start + step)) for start in range(0, len(content), step)]
