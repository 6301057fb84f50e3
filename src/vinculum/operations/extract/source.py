"""Where a restore has content from."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from vinculum import _native
else:
    Protocol = object


class Source(Protocol):
    """A store, and what opens its objects."""

    def expect(self, ids: bytes) -> None:
        """Tells that these ids will be fetched soon."""

    def fetch_stored(self, ids: bytes) -> list[_native.Bytes]:
        """The stored objects of n ids."""

    @property
    def opener(self) -> _native.Opener:
        """What opens them."""
