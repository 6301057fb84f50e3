"""Directories that stay out because of a file in them, found in an archive instead of a file system.

Who reads a tag reads it in the archive: a CACHEDIR.TAG counts if its content is right, which a later hard link keeps elsewhere.
"""

from __future__ import annotations

import os
import stat

from vinculum.archive.chunk_reader import ChunkReader
from vinculum.archive.item_stream import read_items
from vinculum.archive.patterns import EXCLUDE_NO_RECURSE, INCLUDE, Pattern
from vinculum.formats.ids import ID_BYTES
from vinculum.operations.create.tags import CACHE_TAG_CONTENT, CACHE_TAG_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum import _native
    from vinculum.archive.archive import ArchiveMetadata
    from vinculum.archive.patterns import PatternMatcher
    from vinculum.keys.key import Key
    from vinculum.operations.recreate.options import TagOptions
    from vinculum.repository.store import Store

_SPECIAL = str.maketrans({char: f"[{char}]" for char in "*?["})


def exclude_tagged(
    matcher: PatternMatcher, options: TagOptions, store: Store, key: Key, archive: ArchiveMetadata
) -> PatternMatcher:
    """`matcher` with patterns behind its own that leave out the tagged directories of this archive.

    Tags that `matcher` leaves out do not count, but for CACHEDIR.TAG.
    """
    tags = _Tags(matcher, options)
    for item in _whole_items(store, key, archive):
        tags.look_at(item)
    if tags.links:
        for item in _whole_items(store, key, archive):
            tags.resolve(item)
    reader = ChunkReader(store, key)
    kept: list[Pattern] = []
    left_out: list[Pattern] = []
    for path, content in tags.found:
        if content is not None and not _is_cache_tag(reader, content):
            continue
        directory = os.path.dirname(path)
        if options.keep_exclude_tags:
            kept.append(Pattern("pp", path, INCLUDE))
            left_out.append(Pattern("fm", directory.translate(_SPECIAL) + "/", EXCLUDE_NO_RECURSE))
        else:
            left_out.append(Pattern("pp", directory, EXCLUDE_NO_RECURSE))
    return matcher.followed_by([*kept, *left_out])


class _Tags:
    """Collects tags: their paths, and the content that has to be verified (None if the name says enough)."""

    def __init__(self, matcher: PatternMatcher, options: TagOptions) -> None:
        self._matcher = matcher
        self._options = options
        self.found: list[tuple[str, _native.ChunkList | None]] = []
        self.links: dict[bytes, list[str]] = {}  # first link -> the tags that are links to it

    def look_at(self, item: _native.Item) -> None:
        raw = item.path
        path, name = os.fsdecode(raw), os.path.basename(raw)
        if name in self._options.exclude_if_present:
            if name == CACHE_TAG_NAME or self._matcher.decide(path) == INCLUDE:
                self.found.append((path, None))
        elif self._options.exclude_caches and name == CACHE_TAG_NAME and stat.S_ISREG(item.mode):
            content, source = item.chunks, item.source
            if content is not None:
                self.found.append((path, content))
            elif source is not None:
                self.links.setdefault(source, []).append(path)

    def resolve(self, item: _native.Item) -> None:
        content = item.chunks
        if content is not None:
            self.found += [(path, content) for path in self.links.pop(item.path, ())]


def _whole_items(store: Store, key: Key, archive: ArchiveMetadata) -> Iterator[_native.Item]:
    for batch in read_items(store, key, archive.items):
        yield from (item for item in batch if item.part is None)


def _is_cache_tag(reader: ChunkReader, content: _native.ChunkList) -> bool:
    # No chunk that is followed by another is shorter than what has to be there.
    (start, *_) = reader.fetch(content.ids()[:ID_BYTES]) or (b"",)
    return bytes(start).startswith(CACHE_TAG_CONTENT)
