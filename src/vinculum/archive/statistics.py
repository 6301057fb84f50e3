"""The numbers that say how much an archive holds and costs, as `--stats` and `info` show them.

Counted is the content of files only; neither item streams nor archive objects are (so says Borg 1.4; 1.2 counts them).
"""

from __future__ import annotations

from vinculum._native import ChunkIndex, ItemStream
from vinculum.archive.item_stream import read_item_chunks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.archive.item_stream import ReadingKey
    from vinculum.repository.store import Store


class Statistics:
    """Mutable counters in bytes and files. Sums and differences are new objects."""

    __slots__ = ("compressed_size", "deduplicated_size", "nfiles", "original_size")

    def __init__(self, original_size: int = 0, compressed_size: int = 0, deduplicated_size: int = 0, nfiles: int = 0) -> None:
        self.original_size = original_size
        self.compressed_size = compressed_size
        self.deduplicated_size = deduplicated_size
        self.nfiles = nfiles

    def add_files(self, nfiles: int, original_size: int, compressed_size: int) -> None:
        """Counts files that went into the archive, whether their content was new or not."""
        self.nfiles += nfiles
        self.original_size += original_size
        self.compressed_size += compressed_size

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(*(mine + theirs for mine, theirs in zip(self._counts(), other._counts(), strict=True)))

    def __sub__(self, other: Statistics) -> Statistics:
        return Statistics(*(mine - theirs for mine, theirs in zip(self._counts(), other._counts(), strict=True)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statistics) and self._counts() == other._counts()

    __hash__ = None  # type: ignore[assignment]  # counters change

    def __repr__(self) -> str:
        return f"Statistics{self._counts()}"

    def as_dict(self) -> dict[str, int]:
        """The object that `--json` shows."""
        return {
            "original_size": self.original_size,
            "compressed_size": self.compressed_size,
            "deduplicated_size": self.deduplicated_size,
            "nfiles": self.nfiles,
        }

    def _counts(self) -> tuple[int, int, int, int]:
        return self.original_size, self.compressed_size, self.deduplicated_size, self.nfiles


def content_usage(chunks: ChunkIndex, store: Store, key: ReadingKey, item_ids: list[bytes]) -> Statistics:
    """Sizes of one archive's content: each reference's size and stored size, and what only this archive needs.

    `chunks` is the index of the whole repository. Part files count too, `nfiles` is left at 0.
    """
    content, stream = ChunkIndex(), ItemStream()
    for window in read_item_chunks(store, key, item_ids):
        for chunk in window:
            content.count_items(stream, chunk.data)
    size, csize, _, unique_csize, _, _ = chunks.usage_of(content)
    return Statistics(size, csize, unique_csize)
