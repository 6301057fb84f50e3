"""The fields of an unpacked archive object, each with the type that it must have."""

from __future__ import annotations

from vinculum.formats.ids import ID_BYTES
from vinculum.formats.texts import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    ChunkerParams: TypeAlias = tuple[str | int, ...]


class Fields:
    """Takes known fields out of an unpacked map, one by one; what is left in the end is unknown.

    None, or an empty list of ids, stands for a field that is not there. ValueError names one of a wrong type.
    """

    def __init__(self, fields: Mapping[bytes, object]) -> None:
        self._fields = dict(fields)

    def __contains__(self, name: str) -> bool:
        return name.encode() in self._fields

    def take(self, name: str) -> object:
        """A field of any type."""
        return self._fields.pop(name.encode(), None)

    def rest(self) -> dict[bytes, object]:
        """What nobody has taken."""
        return self._fields

    def text(self, name: str) -> str | None:
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, bytes):
            raise ValueError(f"{name} is not a text")
        return to_text(value)

    def texts(self, name: str) -> list[str] | None:
        raw = self._raw_list(name)
        return None if raw is None else [to_text(word) for word in raw]

    def ids(self, name: str) -> list[bytes]:
        ids = self._raw_list(name) or []
        if any(len(one) != ID_BYTES for one in ids):
            raise ValueError(f"{name} are not ids")
        return ids

    def number(self, name: str) -> int | None:
        value = self.take(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise ValueError(f"{name} is not a number")
        return value

    def chunker_params(self, name: str) -> ChunkerParams | None:
        """The algorithm's name and its numbers."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(part, int | bytes) for part in value):
            raise ValueError(f"{name} are not well formed")
        params = tuple(to_text(part) if isinstance(part, bytes) else part for part in value)
        # Before there was a choice, the algorithm was not named.
        return ("buzhash", *params) if params and isinstance(params[0], int) else params

    def _raw_list(self, name: str) -> list[bytes] | None:
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(element, bytes) for element in value):
            raise ValueError(f"{name} is not a list of texts")
        return value
