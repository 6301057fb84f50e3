"""How much archives and the repository hold and cost."""

from __future__ import annotations

from vinculum.archive.archive import load_archives
from vinculum.archive.item_stream import read_items
from vinculum.archive.statistics import RepositoryUsage, Statistics, content_usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.archive.archive import ArchiveMetadata
    from vinculum.events import Sink
    from vinculum.operations.opened import OpenAnyCache

OPERATION = "archive.calc_stats"


class Sizes:
    """Finds out sizes of what is open. `with_parts` counts the part files that checkpoints left as files of their own."""

    def __init__(
        self,
        opened: OpenAnyCache,
        sink: Sink,
        *,
        workarounds: frozenset[str] = frozenset(),
        with_parts: bool = False,
    ) -> None:
        self._store = opened.store
        self._key = opened.key
        self._manifest = opened.manifest
        self._cache = opened.cache
        self._sink = sink
        self._workarounds = workarounds
        self._with_parts = with_parts

    def of_archive(self, archive: ArchiveMetadata, archive_id: bytes) -> Statistics:
        """What `info REPO::ARCHIVE` shows; deduplicated is what only this archive refers to."""

        def tell(number: int) -> None:
            self._sink.progress(OPERATION, number, len(archive.items), archive.name)

        nfiles, size, csize = self._totals(archive, archive_id)
        content = content_usage(self._cache.chunks, self._store, self._key, archive.items, tell)
        self._sink.finished(OPERATION)
        return Statistics(size, csize, content.deduplicated_size, nfiles)

    def of_repository(self) -> RepositoryUsage:
        """What `info REPO` and `create --stats` show for all archives together."""
        total_size = total_csize = 0
        entries = list(self._manifest.archives.values())
        archives = load_archives(self._store, self._key, entries, workarounds=self._workarounds)
        for entry, archive in zip(entries, archives, strict=True):
            _, size, csize = self._totals(archive, entry.id)
            total_size += size
            total_csize += csize
        _, _, unique_size, unique_csize, unique_chunks, total_chunks = self._cache.chunks.usage()
        return RepositoryUsage(total_chunks, total_csize, total_size, unique_chunks, unique_csize, unique_size)

    def _totals(self, archive: ArchiveMetadata, archive_id: bytes) -> tuple[int, int, int]:
        """(regular files, size, csize) of an archive."""
        totals = archive.totals() or self._old_totals(archive, archive_id)
        parts = totals if self._with_parts else {"nfiles_parts": 0, "size_parts": 0, "csize_parts": 0}
        nfiles, size, csize = (totals[name] + parts[f"{name}_parts"] for name in ("nfiles", "size", "csize"))
        return nfiles, size, csize

    def _old_totals(self, archive: ArchiveMetadata, archive_id: bytes) -> dict[str, int]:
        """Of an archive that does not record them, since it was made before 1.2: counted once, then known to the cache."""
        known = self._cache.old_totals
        totals = known.get(archive_id) if known is not None else None
        if totals is None:
            totals = self._count(archive)
            if known is not None:
                known.remember(archive_id, totals)
        return totals

    def _count(self, archive: ArchiveMetadata) -> dict[str, int]:
        whole, parts = Statistics(), Statistics()
        for batch in read_items(self._store, self._key, archive.items):
            for item in batch:
                if item.chunks is not None:
                    counted = whole if item.part is None else parts
                    counted.add_files(1, item.chunks.size_bytes, item.chunks.csize_bytes)
        whole.nfiles_parts = parts.nfiles
        whole.original_size_parts = parts.original_size
        whole.compressed_size_parts = parts.compressed_size
        return whole.as_metadata()
