"""Recreating one archive after the other: items out of the old one, one new archive in its place or beside it.

The new archive is made under the name `<archive>.recreate` (checkpoints show that name). In one commit it gets its own name
and the old one goes: whatever dies before leaves the old archive, whatever comes after finds the new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from vinculum import _native
from vinculum.archive.archive import load_archive
from vinculum.archive.item_stream import read_items
from vinculum.archive.statistics import Statistics
from vinculum.operations.create.content import ChunkStore
from vinculum.operations.create.options import DEFAULT_CHUNKER, CreateOptions
from vinculum.operations.create.writer import ArchiveWriter
from vinculum.operations.delete import Deletion
from vinculum.operations.recreate.content import RewrittenContent, UnchangedContent
from vinculum.operations.recreate.repacking import RepackingStore
from vinculum.operations.recreate.survivors import Survivors
from vinculum.operations.recreate.tags import exclude_tagged

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from vinculum.archive.archive import ArchiveMetadata
    from vinculum.archive.manifest import ArchiveEntry
    from vinculum.archive.patterns import PatternMatcher
    from vinculum.events import Sink
    from vinculum.operations.create.writer import SavedArchive
    from vinculum.operations.opened import OpenAnyCache
    from vinculum.operations.recreate.content import Content
    from vinculum.operations.recreate.options import RecreateOptions

SUFFIX = ".recreate"


class Recreated(NamedTuple):
    """An archive that was just recreated."""

    saved: SavedArchive
    statistics: Statistics
    begun: datetime


class Recreation:
    """Recreates archives of one repository. Confined to one thread."""

    def __init__(
        self,
        opened: OpenAnyCache,
        options: RecreateOptions,
        matcher: PatternMatcher,
        sink: Sink,
        stop_requested: Callable[[], bool],
        *,
        workarounds: frozenset[str] = frozenset(),
    ) -> None:
        self._opened = opened
        self._options = options
        self._matcher = matcher
        self._sink = sink
        self._stop_requested = stop_requested
        self._workarounds = workarounds
        # Borg applies what it finds tagged in one archive to all later ones. Here it only decides, as there, that these are
        # recreated as well: their own directories stay unless they are tagged themselves.
        self._leaves_out_tagged = False
        self._repacked = _native.ChunkIndex()  # what the archives before have in common with the next one is not repacked again

    def recreate(self, entry: ArchiveEntry) -> bool | Recreated:
        """Recreates one archive and commits. False if there is nothing to do; True if it was a dry run.

        Errors of `load_archive`, `read_items` and the content; ArchiveAlreadyExists for the new name.
        """
        store, key = self._opened.store, self._opened.key
        archive = load_archive(store, key, entry, workarounds=self._workarounds)
        statistics = Statistics()
        chunks = ChunkStore(self._opened, statistics)
        writer = ArchiveWriter(self._opened, chunks, self._new_archive(archive), self._sink, self._stop_requested)
        matcher = self._matcher
        if self._options.tags.exclude_caches or self._options.tags.exclude_if_present:
            matcher = exclude_tagged(matcher, self._options.tags, store, key, archive)
            self._leaves_out_tagged |= not matcher.is_trivial
        if matcher.is_trivial and not self._leaves_out_tagged and not self._changes_more_than_files(archive):
            return False
        content = self._content(archive, writer, chunks)
        survivors = Survivors(matcher, self._sink, dry_run=self._options.dry_run)
        for batch in read_items(store, key, archive.items):
            remaining = survivors.of(batch)
            if not self._options.dry_run:
                content.add(remaining)
        content.flush()
        if self._sink.wants_progress:
            self._sink.archive_finished()
        if self._options.dry_run:
            return True
        return Recreated(self._save(entry, archive, writer), statistics, writer.begun)

    def _save(self, entry: ArchiveEntry, archive: ArchiveMetadata, writer: ArchiveWriter) -> SavedArchive:
        if self._options.target is not None:
            return writer.save(source=archive)
        writer.finish()
        Deletion(self._opened, self._sink, workarounds=self._workarounds).delete(entry)
        return writer.save(entry.name, archive)

    def _changes_more_than_files(self, archive: ArchiveMetadata) -> bool:
        options = self._options
        return (
            options.recompress != "never" or self._recuts(archive) or options.comment is not None or options.target is not None
        )

    def _recuts(self, archive: ArchiveMetadata) -> bool:
        return self._options.chunker_params not in (None, archive.chunker_params)

    def _new_archive(self, archive: ArchiveMetadata) -> CreateOptions:
        options = self._options
        # How the content is cut is said truly (Borg claims its defaults for what it did not cut): diff and we rely on it.
        params = cast("_native.BuzhashParams | None", archive.chunker_params)
        return CreateOptions(
            name=archive.name + SUFFIX if options.target is None else options.target,
            item_options=_native.ItemOptions(),
            chunker_params=options.chunker_params or params or DEFAULT_CHUNKER,
            comment=archive.comment if options.comment is None else options.comment,
            timestamp=options.timestamp,
            checkpoint_interval_s=options.checkpoint_interval_s,
            cmdline=options.cmdline,
            hostname=options.hostname,
            username=options.username,
        )

    def _content(self, archive: ArchiveMetadata, writer: ArchiveWriter, chunks: ChunkStore) -> Content:
        recompress = self._options.recompress
        recuts = self._recuts(archive)
        if not recuts and recompress == "never":
            return UnchangedContent(chunks, writer, self._sink)
        if recompress != "never":
            chunks = RepackingStore(self._opened, chunks.statistics, self._repacked, always=recompress == "always")
        chunker = None
        if recuts and self._options.chunker_params is not None:
            chunker = _native.Chunker(self._options.chunker_params, self._opened.key.chunk_seed)
        return RewrittenContent(self._opened, chunks, chunker, writer, self._sink)
