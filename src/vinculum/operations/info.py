"""How much archives and the repository hold and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vinculum.archive.archive import load_archive
from vinculum.archive.item_stream import read_items
from vinculum.archive.statistics import RepositoryUsage, Statistics, content_usage

if TYPE_CHECKING:
    from vinculum._native import ChunkIndex
    from vinculum.archive.archive import ArchiveMetadata
    from vinculum.archive.manifest import Manifest
    from vinculum.keys.key import Key
    from vinculum.repository.store import Store


def archive_sizes(store: Store, key: Key, archive: ArchiveMetadata) -> tuple[int, int, int]:
    """(regular files, size, csize) of an archive: as it recorded them, or counted if it is older than that (before 1.2)."""
    if archive.nfiles is not None and archive.size is not None and archive.csize is not None:
        return archive.nfiles, archive.size, archive.csize
    return _count(store, key, archive)


def _count(store: Store, key: Key, archive: ArchiveMetadata) -> tuple[int, int, int]:
    nfiles = size = csize = 0
    for batch in read_items(store, key, archive.items):
        contents = [item.chunks for item in batch if item.part is None and item.chunks is not None]
        nfiles += len(contents)
        size += sum(content.size_bytes for content in contents)
        csize += sum(content.csize_bytes for content in contents)
    return nfiles, size, csize


def archive_statistics(store: Store, key: Key, chunks: ChunkIndex, archive: ArchiveMetadata) -> Statistics:
    """What `info REPO::ARCHIVE` shows; deduplicated is what only this archive refers to."""
    nfiles, size, csize = archive_sizes(store, key, archive)
    return Statistics(size, csize, content_usage(chunks, store, key, archive.items).deduplicated_size, nfiles)


def repository_usage(
    store: Store, key: Key, chunks: ChunkIndex, manifest: Manifest, workarounds: frozenset[str] = frozenset()
) -> RepositoryUsage:
    """What `info REPO` and `create --stats` show for all archives together."""
    total_size = total_csize = 0
    for entry in manifest.archives.values():
        archive = load_archive(store, key, entry, workarounds=workarounds)
        _, size, csize = archive_sizes(store, key, archive)
        total_size += size
        total_csize += csize
    _, _, unique_size, unique_csize, unique_chunks, total_chunks = chunks.usage()
    return RepositoryUsage(total_chunks, total_csize, total_size, unique_chunks, unique_csize, unique_size)
