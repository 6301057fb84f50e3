"""The tables of sizes that `create --stats` and `info` show."""

from __future__ import annotations

from vinculum.ui.formatting import format_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.archive.statistics import RepositoryUsage, Statistics

RULE = "-" * 78
HEADER = "                       Original size      Compressed size    Deduplicated size"


def _row(label: str, sizes: tuple[int, int, int], iec: bool) -> str:
    first, second, third = (format_size(size, iec=iec) for size in sizes)
    return f"{label:15} {first:>20s} {second:>20s} {third:>20s}"


def archive_row(statistics: Statistics, *, iec: bool) -> str:
    """The line of one archive."""
    sizes = statistics.original_size, statistics.compressed_size, statistics.deduplicated_size
    return _row("This archive:", sizes, iec)


def deleted_row(statistics: Statistics, *, iec: bool) -> str:
    """The line of what was deleted, as negative sizes."""
    sizes = statistics.original_size, statistics.compressed_size, statistics.deduplicated_size
    return _row("Deleted data:", sizes, iec)


def repository_rows(usage: RepositoryUsage, *, iec: bool) -> list[str]:
    """The lines of the whole repository."""
    return [
        _row("All archives:", (usage.total_size, usage.total_csize, usage.unique_csize), iec),
        "",
        "                       Unique chunks         Total chunks",
        f"{'Chunk index:':15} {usage.total_unique_chunks:20d} {usage.total_chunks:20d}",
    ]


def unknown_repository_rows(usage: RepositoryUsage) -> list[str]:
    """The lines of a repository of which only the list of its chunks is known."""
    unknown = "unknown"
    return [
        f"{'All archives:':15} {unknown:>20} {unknown:>20} {unknown:>20}",
        "",
        "                       Unique chunks         Total chunks",
        f"{'Chunk index:':15} {usage.total_unique_chunks:20d}{unknown:>20}",
    ]
