"""Appends entries to new segment files.

A segment is finished (on disk, and so is its directory entry) before the next one is created; hence everything before a
COMMIT is durable before the segment with the COMMIT exists. Files are created exclusively and never reopened for writing.
"""

from __future__ import annotations

from vinculum._native import crc32, encode_deletes
from vinculum.formats.ids import ID_BYTES
from vinculum.repository.segments import COMMIT_ENTRY, DELETE, ENTRY_HEADER, KEYED_SIZE, MAGIC, PUT
from vinculum.repository.store import MANIFEST_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Blob, SealedBatch
    from vinculum.repository.segments import Segments
    from vinculum.repository.storage import AppendFile, Storage


class SegmentWriter:
    """The open end of the log. Confined to one thread.

    After any error the state of the open segment is unknown: `close` and start over with a new writer.
    """

    __slots__ = ("_file", "_limit", "_next", "_offset", "_segment", "_segments", "_storage")

    def __init__(self, storage: Storage, segments: Segments, first: int, size_limit: int) -> None:
        """Begins with segment `first`; no entry begins beyond `size_limit`."""
        self._storage = storage
        self._segments = segments
        self._limit = size_limit
        self._next = first
        self._file: AppendFile | None = None
        self._segment = -1
        self._offset = 0

    def put(self, id: bytes, data: Blob) -> tuple[int, int]:
        """Appends a PUT; returns segment and offset."""
        size = KEYED_SIZE + len(data)
        header = _checked_header(size, PUT, id, data)
        file = self._file_for(starts_segment=id == MANIFEST_KEY)
        return self._append(file, size, header, id, data)

    def put_many(self, sealed: SealedBatch, start: int) -> tuple[int, int, int]:
        """Appends the PUTs of a batch from entry `start` on, as many as go into one segment.

        Returns the segment, the offset of the first and the entry after the last. No id may be the manifest's.
        """
        file = self._file_for()
        stop = max(sealed.fit(start, self._offset, self._limit), start + 1)
        entries = sealed.entries(start, stop)
        segment, offset = self._append(file, sum(map(len, entries)), *entries)
        return segment, offset, stop

    def delete(self, id: bytes) -> int:
        """Appends a DELETE; returns its segment."""
        header = _checked_header(KEYED_SIZE, DELETE, id, b"")
        file = self._file_for(starts_segment=id == MANIFEST_KEY)
        return self._append(file, KEYED_SIZE, header, id)[0]

    def delete_many(self, ids: bytes) -> tuple[int, int]:
        """Appends the DELETEs of some of the ids, as many as go into one segment; returns the segment and how many.

        No id may be the manifest's.
        """
        file = self._file_for()
        count = min(len(ids) // ID_BYTES, max(1, (self._limit - self._offset) // KEYED_SIZE + 1))
        entries = encode_deletes(ids[: count * ID_BYTES])
        return self._append(file, len(entries), entries)[0], count

    @property
    def position(self) -> tuple[int, int]:
        """Segment and offset of the next entry, if it does not have to go into another segment."""
        return (self._next, len(MAGIC)) if self._file is None else (self._segment, self._offset)

    @property
    def limit(self) -> int:
        """No entry begins beyond this offset."""
        return self._limit

    def append(self, entries: Blob) -> None:
        """Appends whole entries as they are, at `position`."""
        file = self._begin() if self._file is None else self._file
        self._append(file, len(entries), entries)

    def commit_here(self) -> int:
        """Ends the open segment with a COMMIT, before which all else is durable, and finishes it. Returns the segment."""
        file = self._begin() if self._file is None else self._file
        file.sync()
        segment, _ = self._append(file, len(COMMIT_ENTRY), COMMIT_ENTRY)
        self._finish()
        return segment

    def commit(self) -> int:
        """Writes a COMMIT into a segment of its own and finishes it; everything so far is durable then. Returns the segment."""
        segment, _ = self._append(self._file_for(starts_segment=True), len(COMMIT_ENTRY), COMMIT_ENTRY)
        self._finish()
        return segment

    def close(self) -> None:
        """Gives the open segment up as it is."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _file_for(self, *, starts_segment: bool = False) -> AppendFile:
        if self._file is not None and (starts_segment or self._offset > self._limit):
            self._finish()
        return self._begin() if self._file is None else self._file

    def _begin(self) -> AppendFile:
        segment = self._next
        name = self._segments.name(segment)
        try:
            file = self._storage.create(name)
        except FileNotFoundError:
            self._storage.make_directory(self._segments.directory(segment))
            self._storage.sync_directory("data")
            file = self._storage.create(name)
        self._file, self._segment, self._offset = file, segment, len(MAGIC)
        self._next = segment + 1
        file.write(MAGIC)
        return file

    def _append(self, file: AppendFile, size: int, *parts: Blob) -> tuple[int, int]:
        offset = self._offset
        file.write(*parts)
        self._offset += size
        return self._segment, offset

    def _finish(self) -> None:
        if self._file is not None:
            self._file.sync()
            self.close()
            self._storage.sync_directory(self._segments.directory(self._segment))


def _checked_header(size: int, tag: int, id: bytes, data: Blob) -> bytes:
    if len(id) != ID_BYTES:
        raise ValueError(f"an id has {ID_BYTES} bytes")
    rest = ENTRY_HEADER.pack(0, size, tag)[4:]
    crc = crc32(rest + id)
    if len(data):
        crc = crc32(data, crc)
    return crc.to_bytes(4, "little") + rest
