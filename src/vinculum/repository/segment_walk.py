"""Walks along segment files entry by entry: for seeing everything there is, committed or not, as far as a file can be read.

The way to the objects that count is the index, and whole segments are scanned natively; this is for looking at a repository in
an order or a state that neither knows. Reads one entry at a time, so that memory stays small.
"""

from __future__ import annotations

from vinculum._native import crc32
from vinculum.errors import IntegrityError
from vinculum.repository.segments import COMMIT, DELETE, ENTRY_HEADER, KEYED_SIZE, MAGIC, MAX_OBJECT, PUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum._native import RepositoryIndex
    from vinculum.repository.segments import Segments


class Entry:
    """One entry of a segment file; `id` is empty for a COMMIT, `data` unless they were asked for. Immutable."""

    __slots__ = ("data", "id", "offset", "size", "tag")

    def __init__(self, tag: int, id: bytes, offset: int, size: int, data: bytes) -> None:
        self.tag = tag
        self.id = id
        self.offset = offset
        self.size = size
        self.data = data


def walk(segments: Segments, segment: int, start: int = 0, *, with_data: bool) -> Iterator[Entry]:
    """The entries of a segment from the offset `start` on.

    Checksums are verified only `with_data`. IntegrityError where the way ends before the file does.
    """
    offset = start
    if offset == 0:
        offset = len(MAGIC)
        if segments.magic(segment) != MAGIC:
            raise IntegrityError(f"no segment begins at segment {segment}, offset 0")
    while header := segments.read_at(segment, offset, KEYED_SIZE):
        place = f"at segment {segment}, offset {offset}"
        if len(header) < ENTRY_HEADER.size:
            raise IntegrityError(f"an entry header is cut off {place}")
        crc, size, tag = ENTRY_HEADER.unpack_from(header)
        if tag not in (PUT, DELETE, COMMIT):
            raise IntegrityError(f"an entry has the unknown tag {tag} {place}")
        least = ENTRY_HEADER.size if tag == COMMIT else KEYED_SIZE
        if not least <= size <= MAX_OBJECT:
            raise IntegrityError(f"no entry can have {size} bytes {place}")
        data = b""
        if with_data:
            whole = segments.read_at(segment, offset, size)
            if len(whole) != size:
                raise IntegrityError(f"an entry is cut off {place}")
            if crc32(whole[4:]) != crc:
                raise IntegrityError(f"an entry does not have its checksum {place}")
            data = whole[least:]
        elif len(header) < least:
            raise IntegrityError(f"an entry is cut off {place}")
        yield Entry(tag, header[ENTRY_HEADER.size : least], offset, size, data)
        offset += size


def current_ids(
    segments: Segments, index: RepositoryIndex, report_damage: Callable[[int, IntegrityError], None]
) -> Iterator[bytes]:
    """The ids in `index` in the order in which their objects lie on the disk.

    Where a segment is damaged, what is behind it there is left out, and `report_damage` is told.
    """
    for segment in segments.numbers():
        try:
            for entry in walk(segments, segment, with_data=False):
                if entry.tag == PUT and index.get(entry.id) == (segment, entry.offset):
                    yield entry.id
        except IntegrityError as error:
            report_damage(segment, error)


def everything(
    segments: Segments, segment: int | None, offset: int | None, report_damage: Callable[[int, IntegrityError], None]
) -> Iterator[tuple[int, Entry]]:
    """Every entry of every segment and the segment's number, committed or not, superseded or not.

    Only those of one `segment` and at one `offset`, if given. Damage hides what is behind it in a segment;
    `report_damage` is told.
    """
    for number in segments.numbers():
        if segment not in (None, number):
            continue
        try:
            for entry in walk(segments, number, offset or 0, with_data=True):
                if offset is not None and entry.offset > offset:
                    break
                yield number, entry
        except IntegrityError as error:
            report_damage(number, error)
