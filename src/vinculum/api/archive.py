"""An archive that is there already: what it says of itself, its items, the content of its files."""

from __future__ import annotations

import os
import stat

from vinculum.api.item import Item
from vinculum.archive.archive import load_archive
from vinculum.archive.chunk_reader import ChunkReader
from vinculum.archive.item_choice import ItemChoice
from vinculum.archive.item_stream import read_windows
from vinculum.archive.patterns import INCLUDE, PatternMatcher, parse_pattern
from vinculum.errors import Error, IntegrityError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from vinculum import _native
    from vinculum.archive.archive import ArchiveMetadata
    from vinculum.archive.manifest import ArchiveEntry
    from vinculum.operations.opened import OpenArchives


class Archive:
    """One archive of an open repository, of use as long as that is open. What it holds is read when it is asked for."""

    def __init__(self, opened: OpenArchives, entry: ArchiveEntry) -> None:
        self._opened = opened
        self._entry = entry
        self._loaded: ArchiveMetadata | None = None

    def __repr__(self) -> str:
        return f"<Archive {self.name!r}>"

    @property
    def name(self) -> str:
        return self._entry.name

    @property
    def id(self) -> str:
        """What tells it from all other archives, in hexadecimal digits."""
        return self._entry.id.hex()

    @property
    def time(self) -> datetime:
        """When it was begun, in UTC."""
        return self._entry.time

    @property
    def comment(self) -> str:
        return self._metadata.comment

    @property
    def hostname(self) -> str:
        """The machine that it was made on."""
        return self._metadata.hostname

    @property
    def username(self) -> str:
        """Who made it."""
        return self._metadata.username

    def items(self, *paths: str) -> Iterator[Item]:
        """What is in it, in archive order; with `paths` or patterns (`sh:**/*.txt`) only these and what is below them."""
        for window in self._windows(paths):
            yield from map(Item, window.items())

    def read(self, path: str) -> bytes:
        """The whole content of one file. See `stream`."""
        return b"".join(self.stream(path))

    def stream(self, path: str) -> Iterator[bytes]:
        """The content of one file, piece by piece. Error if it has none, IntegrityError if a part of it is lost."""
        contents = [self._content(path)]
        for portion in ChunkReader(self._opened.store, self._opened.key).read(contents):
            if portion.error is not None:
                raise portion.error
            yield from map(bytes, portion.chunks)

    # -- inside --------------------------------------------------------------------------------------------------------

    @property
    def _metadata(self) -> ArchiveMetadata:
        if self._loaded is None:
            self._loaded = load_archive(self._opened.store, self._opened.key, self._entry)
        return self._loaded

    def _windows(self, paths: Sequence[str]) -> Iterator[_native.ItemWindow]:
        matcher = PatternMatcher()
        try:
            matcher.add_wanted_paths([parse_pattern(path, "pp", INCLUDE) for path in paths])
        except ValueError as error:
            raise Error(str(error)) from None
        return read_windows(self._opened.store, self._opened.key, self._metadata.items, choice=ItemChoice.by_patterns(matcher))

    def _find(self, path: str) -> _native.Item:
        """The item at exactly this path; the last one where an archive has several, as restoring would leave it."""
        wanted = os.fsencode(path).strip(b"/")
        found = None
        for window in self._windows([f"pf:{os.fsdecode(wanted)}"]):
            found = window.items()[-1]
        if found is None:
            raise Error(f"There is no {path!r} in the archive {self.name}.")
        return found

    def _content(self, path: str) -> _native.ChunkList:
        item = self._find(path)
        if item.source is not None and stat.S_ISREG(item.mode):  # the content is with the first link
            item = self._find(os.fsdecode(item.source))
        if item.chunks is None or not stat.S_ISREG(item.mode):
            raise Error(f"{path!r} in the archive {self.name} is no file with content.")
        if item.chunks_healthy is not None:
            raise IntegrityError(f"a part of the content of {path} is lost")
        return item.chunks
