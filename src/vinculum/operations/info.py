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


def archive_sizes(store: Store, key: Key, archive: ArchiveMetadata, *, with_parts: bool = False) -> tuple[int, int, int]:
    """(regular files, size, csize) of an archive: as it recorded them, or counted if it is older than that (before 1.2).

    `with_parts` counts the part files, which checkpoints left in it, as files of their own.
    """
    if archive.nfiles is None or archive.size is None or archive.csize is None:
        return _count(store, key, archive, with_parts=with_parts)
    if not with_parts:
        return archive.nfiles, archive.size, archive.csize
    parts = archive.nfiles_parts or 0, archive.size_parts or 0, archive.csize_parts or 0
    return archive.nfiles + parts[0], archive.size + parts[1], archive.csize + parts[2]


def _count(store: Store, key: Key, archive: ArchiveMetadata, *, with_parts: bool) -> tuple[int, int, int]:
    nfiles = size = csize = 0
    for batch in read_items(store, key, archive.items):
        contents = [item.chunks for item in batch if item.chunks is not None and (with_parts or item.part is None)]
        nfiles += len(contents)
        size += sum(content.size_bytes for content in contents)
        csize += sum(content.csize_bytes for content in contents)
    return nfiles, size, csize


def archive_statistics(
    store: Store, key: Key, chunks: ChunkIndex, archive: ArchiveMetadata, *, with_parts: bool = False
) -> Statistics:
    """What `info REPO::ARCHIVE` shows; deduplicated is what only this archive refers to."""
    nfiles, size, csize = archive_sizes(store, key, archive, with_parts=with_parts)
    return Statistics(size, csize, content_usage(chunks, store, key, archive.items).deduplicated_size, nfiles)


def repository_usage(
    store: Store,
    key: Key,
    chunks: ChunkIndex,
    manifest: Manifest,
    workarounds: frozenset[str] = frozenset(),
    *,
    with_parts: bool = False,
) -> RepositoryUsage:
    """What `info REPO` and `create --stats` show for all archives together."""
    total_size = total_csize = 0
    for entry in manifest.archives.values():
        archive = load_archive(store, key, entry, workarounds=workarounds)
        _, size, csize = archive_sizes(store, key, archive, with_parts=with_parts)
        total_size += size
        total_csize += csize
    _, _, unique_size, unique_csize, unique_chunks, total_chunks = chunks.usage()
    return RepositoryUsage(total_chunks, total_csize, total_size, unique_chunks, unique_csize, unique_size)
