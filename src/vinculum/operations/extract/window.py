"""A window of a restore: actions that gather until there is enough for all cores, and are done together then."""

from __future__ import annotations

import os

from vinculum import _native

WINDOW_BYTES = 16 * 1024 * 1024
WINDOW_CHUNKS = 2048
WINDOW_ENTRIES = 4096


class Window:
    """Actions that are done together. What is announced but not done is only an entry."""

    __slots__ = ("batch", "chunks_to_come", "entries", "ids", "paths", "places", "to_come")

    def __init__(self) -> None:
        self.batch = _native.RestoreBatch()
        self.entries: list[tuple[_native.Item, bytes, str | None]] = []  # with its path, and the status it is listed with
        self.paths: set[bytes] = set()  # of all entries, in normal form
        self.places: list[int] = []  # which entry each action of the batch belongs to
        self.ids = b""  # of all content, once the window is full
        self.to_come: _native.RestoreToCome | None = None
        self.chunks_to_come: _native.ChunksToCome | None = None

    def note(self, item: _native.Item, path: bytes, *, acts: bool = True, letter: str | None = "") -> None:
        """An entry; if it `acts`, the next action of the batch is its own."""
        if acts:
            self.places.append(len(self.entries))
        self.entries.append((item, path, letter))
        self.paths.add(os.path.normpath(path))

    def has_room(self, content_bytes: int) -> bool:
        batch = self.batch
        return batch.content_bytes + content_bytes <= WINDOW_BYTES and batch.chunk_count < WINDOW_CHUNKS

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another entry, even without content."""
        return len(self.entries) >= WINDOW_ENTRIES
