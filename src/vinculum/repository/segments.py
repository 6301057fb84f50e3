"""Segment files: their names, their entries, which of them are committed. Writing is in `segment_writer`.

    file    "BORG_SEG" entry*
    entry   crc u32le | size u32le | tag u8 | PUT: id 32, data | DELETE: id 32 | COMMIT: nothing

`size` counts the whole entry, `crc` covers everything after itself. Segment files are immutable once closed, so descriptors of
them are kept open for reading.
"""

from __future__ import annotations

import errno
from struct import Struct

from vinculum._native import entry_sizes, find_entries, read_objects, scan_segment, scan_segments
from vinculum.errors import IntegrityError
from vinculum.formats.ids import ID_BYTES
from vinculum.objects.limits import MAX_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vinculum._native import Bytes, MovedEntries, SegmentEntries
    from vinculum.repository.storage import Storage

MAGIC = b"BORG_SEG"
ATTIC_MAGIC = b"ATTICSEG"
PUT, DELETE, COMMIT = 0, 1, 2
ENTRY_HEADER = Struct("<IIB")
KEYED_SIZE = ENTRY_HEADER.size + ID_BYTES
COMMIT_ENTRY = bytes.fromhex("40f43c250900000002")
MAX_OBJECT = KEYED_SIZE + MAX_DATA
_MAX_OPEN = 32
_COPY_SIZE = 4 * 2**20


class Segments:
    """The segment files of a repository, for reading and removing. Confined to one thread."""

    def __init__(self, storage: Storage, segments_per_dir: int) -> None:
        self._storage = storage
        self._per_dir = segments_per_dir
        self._open: dict[int, int] = {}  # segment -> descriptor, the least recently used first

    def directory(self, segment: int) -> str:
        return f"data/{segment // self._per_dir}"

    def name(self, segment: int) -> str:
        return f"data/{segment // self._per_dir}/{segment}"

    def numbers(self) -> list[int]:
        """All segments there are, ascending."""
        return sorted(self._descending())

    def numbers_after(self, segment: int) -> list[int]:
        """The segments above a number, ascending; looks at no more directories than it must."""
        found = []
        for number in self._descending():
            if number <= segment:
                break
            found.append(number)
        return found[::-1]

    def find_last(self) -> int | None:
        return next(self._descending(), None)

    def find_last_committed(self) -> int | None:
        """The transaction that the repository is in; None if nothing was ever committed."""
        return next((number for number in self._descending() if self.is_committed(number)), None)

    def exists(self, segment: int) -> bool:
        try:
            self._storage.size(self.name(segment))
        except FileNotFoundError:
            return False
        return True

    def size(self, segment: int) -> int:
        return self._storage.size(self.name(segment))

    def magic(self, segment: int) -> bytes:
        """The first eight bytes of a segment file, fewer if it is shorter."""
        return self.read_at(segment, 0, len(MAGIC))

    def read_at(self, segment: int, offset: int, size: int) -> bytes:
        """Up to `size` bytes at an offset of a segment file."""
        return self._storage.read_at(self._descriptor(segment), offset, size)

    def is_committed(self, segment: int) -> bool:
        """Whether a segment closes a transaction: intact, and with nothing but COMMITs from its first COMMIT on."""
        size = self.size(segment)
        end = size - len(COMMIT_ENTRY)
        if end < len(MAGIC) or self.magic(segment) != MAGIC:
            return False
        if self.read_at(segment, end, len(COMMIT_ENTRY)) != COMMIT_ENTRY:
            return False
        if end == len(MAGIC):
            return True
        try:
            tags = self.scan(segment).tags()
        except IntegrityError:
            return False
        first = tags.find(COMMIT)
        return first >= 0 and tags.count(COMMIT) == len(tags) - first

    def scan(self, segment: int) -> SegmentEntries:
        """All entries of a segment. IntegrityError if it is damaged."""
        try:
            return scan_segment(self._descriptor(segment))
        except IntegrityError as error:
            raise _in_segment(error, segment) from None

    def scan_many(self, segments: list[int]) -> list[SegmentEntries | str]:
        """The entries of each segment, or what is wrong with it. No more than 32 at a time. OSError if one cannot be read."""
        scanned: list[SegmentEntries | str] = []
        for segment, found in zip(segments, scan_segments([self._descriptor(segment) for segment in segments]), strict=True):
            if isinstance(found, OSError):
                raise OSError(found.errno, found.strerror, self.name(segment))
            scanned.append(found)
        return scanned

    def read(self, segment: int, ids: bytes, offsets: list[int]) -> list[Bytes]:
        """The objects at the offsets of a segment. IntegrityError if one is not there or damaged."""
        try:
            return read_objects(self._descriptor(segment), ids, offsets)
        except IntegrityError as error:
            raise _in_segment(error, segment) from None

    def read_entries(self, segment: int, moved: MovedEntries) -> Bytes:
        """Entries of a segment as they are. IntegrityError if one is not what it was any more."""
        try:
            return moved.read(self._descriptor(segment))
        except IntegrityError as error:
            raise _in_segment(error, segment) from None

    def entry_size(self, segment: int, offset: int) -> int:
        """The size field of the entry at an offset. IntegrityError if there cannot be an entry."""
        header = self.read_at(segment, offset, ENTRY_HEADER.size)
        if len(header) == ENTRY_HEADER.size:
            _crc, size, _tag = ENTRY_HEADER.unpack(header)
            if ENTRY_HEADER.size <= size <= MAX_OBJECT:
                return int(size)
        raise IntegrityError(f"no entry in segment {segment} at offset {offset}")

    def entry_sizes(self, segment: int, ids: bytes, offsets: list[int]) -> list[int]:
        """The size fields of the PUTs at the offsets. IntegrityError if one is not there."""
        try:
            return entry_sizes(self._descriptor(segment), ids, offsets)
        except IntegrityError as error:
            raise _in_segment(error, segment) from None

    def recover(self, segment: int) -> None:
        """Replaces a damaged segment by one of all its entries that are still valid, once that is on disk."""
        name = self.name(segment)
        temporary = f"{name}.tmp"
        try:
            self._storage.delete(temporary)  # of a repair that was killed
        except FileNotFoundError:
            pass
        whole = find_entries(self._descriptor(segment))
        file = self._storage.create(temporary)
        try:
            try:
                file.write(MAGIC)
                for start, stop in whole:
                    for offset in range(start, stop, _COPY_SIZE):
                        file.write(self.read_at(segment, offset, min(_COPY_SIZE, stop - offset)))
                file.sync()
            finally:
                file.close()
        except OSError:
            self._storage.delete(temporary)
            raise
        self._forget(segment)
        self._storage.rename(temporary, name)
        self._storage.sync_directory(self.directory(segment))

    def remove(self, segment: int) -> None:
        """Deletes a segment file, emptying it first where even that needs space."""
        self._forget(segment)
        name = self.name(segment)
        try:
            self._storage.delete(name)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            # A copy-on-write file system may be too full to unlink, but a hard-linked backup must not be emptied.
            if self._storage.link_count(name) == 1:
                self._storage.truncate(name)
            self._storage.delete(name)

    def remove_after(self, segment: int) -> None:
        """Deletes all segments above a number, the highest first."""
        for number in reversed(self.numbers_after(segment)):
            self.remove(number)

    def sync_directories(self, segments: Iterable[int]) -> None:
        """Waits until removals of these segments are on disk."""
        for directory in {self.directory(segment) for segment in segments}:
            self._storage.sync_directory(directory)

    def remove_empty_directories(self) -> None:
        """Removes the directories without segments, and waits until all removals are on disk."""
        for directory in map(str, _numeric(self._list("data"))):
            name = f"data/{directory}"
            try:
                self._storage.remove_directory(name)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    self._storage.sync_directory(name)
        self._storage.sync_directory("data")

    def close(self) -> None:
        """Closes all files; they are opened again as needed."""
        for segment in list(self._open):
            self._forget(segment)

    def _descending(self) -> Iterator[int]:
        for directory in sorted(_numeric(self._list("data")), reverse=True):
            yield from sorted(_numeric(self._list(f"data/{directory}")), reverse=True)

    def _list(self, directory: str) -> list[str]:
        try:
            return self._storage.list(directory)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _descriptor(self, segment: int) -> int:
        fd = self._open.pop(segment, None)
        if fd is None:
            if len(self._open) >= _MAX_OPEN:
                self._forget(next(iter(self._open)))
            fd = self._storage.open(self.name(segment))
        self._open[segment] = fd
        return fd

    def _forget(self, segment: int) -> None:
        fd = self._open.pop(segment, None)
        if fd is not None:
            self._storage.close(fd)


def _numeric(names: list[str]) -> list[int]:
    return [int(name) for name in names if name.isascii() and name.isdecimal()]


def _in_segment(error: IntegrityError, segment: int) -> IntegrityError:
    return type(error)(f"segment {segment}: {', '.join(str(fact) for fact in error.facts)}")
