"""The content of one large file, window by window: some are on their way, one is being opened while the caller has another."""

from __future__ import annotations

from collections import deque
from itertools import chain, repeat

from vinculum import _native
from vinculum.formats.ids import split_ids
from vinculum.operations.extract.local_content import parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from vinculum.operations.extract.local_content import LocalContent
else:
    Protocol = object

_EXPECTED_WINDOWS = 3  # that may be on their way over a long line


class Source(Protocol):
    """Where content comes from."""

    def expect(self, ids: bytes) -> None:
        """Tells that these ids will be fetched soon."""

    def fetch_stored(self, ids: bytes) -> list[_native.Bytes]:
        """The stored objects of n ids."""

    @property
    def opener(self) -> _native.Opener:
        """What opens them."""


class _Part:
    """Consecutive chunks: some found in a local file, the others to be fetched."""

    def __init__(self, chunks: _native.ChunkList, found: dict[int, _native.Bytes]) -> None:
        self._count = len(chunks)
        self._found = found
        self.missing = chunks.ids()
        if found:
            self.missing = b"".join(id for at, id in enumerate(split_ids(self.missing)) if at not in found)
        self._coming: _native.ChunksToCome | None = None

    def begin(self, source: Source) -> None:
        if self.missing:
            self._coming = source.opener.open_ahead(source.fetch_stored(self.missing), self.missing)

    def wait(self) -> list[_native.Bytes]:
        fetched = [] if self._coming is None else self._coming.wait()
        if not self._found:
            return fetched
        rest = iter(fetched)
        return [self._found[at] if at in self._found else next(rest) for at in range(self._count)]


def large_content(
    source: Source, content: _native.ChunkList, local: LocalContent | None = None
) -> Iterator[list[_native.Bytes]]:
    """All chunks in order; those that `local` has are not fetched."""
    ahead = _EXPECTED_WINDOWS if local is None else 1
    expected: deque[_Part | None] = deque()
    begun: _Part | None = None
    for part in chain(_parts(content, local), repeat(None, ahead + 1)):
        if part is not None and part.missing:
            source.expect(part.missing)
        expected.append(part)
        if len(expected) <= ahead:
            continue
        following = expected.popleft()
        if following is not None:
            following.begin(source)
        if begun is not None:
            yield begun.wait()
        begun = following


def _parts(content: _native.ChunkList, local: LocalContent | None) -> Iterator[_Part]:
    offset = 0
    for part in parts(content):
        yield _Part(part, {} if local is None else local.find(part, offset))
        offset += part.size_bytes
