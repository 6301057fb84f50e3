"""The numbers that say how much an archive holds and costs, as `--stats` and `info` show them.

Counted is the content of files only; neither item streams nor archive objects are (so says Borg 1.4; 1.2 counts them).
"""

from __future__ import annotations

from itertools import count, islice

from vinculum._native import ContentUsage, ItemStream
from vinculum.archive.item_references import ItemReferenceReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vinculum._native import Bytes, ChunkIndex, ChunkList, ItemReferences
    from vinculum.archive.item_stream import ReadingKey
    from vinculum.repository.store import Store


class Statistics:
    """Mutable counters: bytes as read, as stored, as added to the repository; files. Part files are counted apart.

    Sums and differences are new objects.
    """

    __slots__ = (
        "compressed_size",
        "compressed_size_parts",
        "deduplicated_size",
        "nfiles",
        "nfiles_parts",
        "original_size",
        "original_size_parts",
    )

    def __init__(self, original_size: int = 0, compressed_size: int = 0, deduplicated_size: int = 0, nfiles: int = 0) -> None:
        self.original_size = original_size
        self.compressed_size = compressed_size
        self.deduplicated_size = deduplicated_size
        self.nfiles = nfiles
        self.original_size_parts = 0
        self.compressed_size_parts = 0
        self.nfiles_parts = 0

    def add_files(self, nfiles: int, original_size: int, compressed_size: int) -> None:
        """Counts complete files."""
        self.nfiles += nfiles
        self.original_size += original_size
        self.compressed_size += compressed_size

    def add_parts(self, parts: int, content: ChunkList) -> None:
        """Counts the part files that one file with this content was also archived as; nothing if there are none."""
        if parts:
            self.nfiles_parts += parts
            self.original_size_parts += content.size_bytes
            self.compressed_size_parts += content.csize_bytes

    def including_parts(self) -> Statistics:
        """The same with part files counted as files of their own."""
        return Statistics(
            self.original_size + self.original_size_parts,
            self.compressed_size + self.compressed_size_parts,
            self.deduplicated_size,
            self.nfiles + self.nfiles_parts,
        )

    def __add__(self, other: Statistics) -> Statistics:
        return self._combine(other, 1)

    def __sub__(self, other: Statistics) -> Statistics:
        return self._combine(other, -1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statistics) and all(
            getattr(self, name) == getattr(other, name) for name in Statistics.__slots__
        )

    __hash__ = None  # type: ignore[assignment]  # counters change

    def __repr__(self) -> str:
        return f"Statistics({', '.join(f'{name}={getattr(self, name)}' for name in Statistics.__slots__)})"

    def as_dict(self) -> dict[str, int]:
        """The object that `--json` shows."""
        return {
            "original_size": self.original_size,
            "compressed_size": self.compressed_size,
            "deduplicated_size": self.deduplicated_size,
            "nfiles": self.nfiles,
        }

    def as_metadata(self) -> dict[str, int]:
        """The fields of an archive object that keep these numbers; without the deduplicated size, which changes later."""
        return {
            "size": self.original_size,
            "csize": self.compressed_size,
            "nfiles": self.nfiles,
            "size_parts": self.original_size_parts,
            "csize_parts": self.compressed_size_parts,
            "nfiles_parts": self.nfiles_parts,
        }

    def _combine(self, other: Statistics, sign: int) -> Statistics:
        combined = Statistics()
        for name in Statistics.__slots__:
            setattr(combined, name, getattr(self, name) + sign * getattr(other, name))
        return combined


class RepositoryUsage:
    """Sums over the whole repository; field names are the keys of Borg's JSON."""

    __slots__ = ("total_chunks", "total_csize", "total_size", "total_unique_chunks", "unique_csize", "unique_size")

    def __init__(
        self,
        total_chunks: int,
        total_csize: int,
        total_size: int,
        total_unique_chunks: int,
        unique_csize: int,
        unique_size: int,
    ) -> None:
        self.total_chunks = total_chunks
        self.total_csize = total_csize
        self.total_size = total_size
        self.total_unique_chunks = total_unique_chunks
        self.unique_csize = unique_csize
        self.unique_size = unique_size

    def as_dict(self) -> dict[str, int]:
        """The object that `--json` shows."""
        return {name: getattr(self, name) for name in self.__slots__}


def content_usage(
    chunks: ChunkIndex, store: Store, key: ReadingKey, item_ids: list[bytes], tell: Callable[[int], None] = lambda _: None
) -> Statistics:
    """Sizes of one archive's content: each reference's size and stored size, and what only this archive needs.

    `chunks` is the index of the whole repository. Part files count too, `nfiles` is left at 0. `tell` hears which of the
    chunks of the item stream is at work.
    """
    usage, stream = ContentUsage(chunks), ItemStream()
    numbers = count(1)

    def take(found: list[ItemReferences]) -> int:
        taken = usage.count(stream, found)
        for number in islice(numbers, taken):
            tell(number)
        return taken

    def take_rest(piece: Bytes) -> None:
        tell(next(numbers))
        usage.count_piece(stream, piece)

    ItemReferenceReader(store, key).feed(item_ids, take, take_rest)
    size, csize, _, unique_csize, _, _ = usage.sums()
    return Statistics(size, csize, unique_csize)
