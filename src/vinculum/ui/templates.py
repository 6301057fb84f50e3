"""`--format` templates: which keys they use, and their filling in.

Values are looked up by key in a plain mapping; times carry their own format specifications.
"""

from __future__ import annotations

from datetime import UTC, datetime

from vinculum.errors import CommandError
from vinculum.ui.formatting import format_moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

LAYOUT_KEYS = {"LF": "\n", "SPACE": " ", "TAB": "\t", "CR": "\r", "NUL": "\0", "NEWLINE": "\n", "NL": "\n"}
_MAX_TIME_S = 2**31 - 1 - 48 * 3600  # Borg shows nothing later, for the sake of 32 bit platforms


class Moment:
    """A time in templates: `{mtime}`, `{mtime:%Y}`; in JSON its ISO form."""

    __slots__ = ("_moment",)

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    @classmethod
    def from_ns(cls, time_ns: int) -> Moment:
        # By way of a float, as Borg does it: the last microsecond is rounded alike.
        return cls(datetime.fromtimestamp(min(max(time_ns, 0), _MAX_TIME_S * 10**9) / 1e9, UTC))

    @classmethod
    def whole_second(cls, moment: datetime) -> Moment:
        """Times of archives are shown without their fraction."""
        return cls(moment.replace(microsecond=0))

    def __format__(self, spec: str) -> str:
        return format_moment(self._moment, spec)

    def __str__(self) -> str:
        return format_moment(self._moment)

    def iso(self) -> str:
        """Local time without zone, with microseconds."""
        return self._moment.astimezone().replace(tzinfo=None).isoformat(timespec="microseconds")


class _Part:
    """Literal text and, unless `key` is None, the field behind it: `source` is the field as it was written.

    `is_plain` if it has neither conversion nor attributes: nothing but a key and a format specification.
    """

    __slots__ = ("is_plain", "key", "literal", "source", "spec")

    def __init__(self, literal: str, name: str | None, spec: str | None, conversion: str | None) -> None:
        self.literal = literal
        self.key = None if name is None else name.split(".")[0].split("[")[0]
        self.spec = spec or ""
        self.is_plain = self.key == name and not conversion
        self.source = "{" + (name or "") + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}"


class Template:
    """A format such as "{archive:<36} {time} [{id}]{NL}". CommandError for a malformed one or an unknown key.

    With `only_chooses` nothing is rendered by it: it says which keys JSON shall have besides the usual ones, and those that
    do not exist are ignored, as by Borg.
    """

    def __init__(self, text: str, known: Collection[str], *, only_chooses: bool = False) -> None:
        from string import Formatter

        try:
            self.parts = [_Part(*part) for part in Formatter().parse(text)]
        except ValueError as error:
            raise CommandError(f"Invalid format {text!r}: {error}") from None
        keys = frozenset(part.key for part in self.parts if part.key is not None)
        unknown = sorted(keys - set(known) - LAYOUT_KEYS.keys())
        self.keys = keys.difference(unknown)
        if unknown and not only_chooses:
            raise CommandError(f"Invalid format {text!r}: unknown key {unknown[0]!r}")
        self._text = text

    def render(self, values: Mapping[str, object]) -> str:
        """The text for these values, which must have every key of `keys` (layout keys included)."""
        try:
            return self._text.format_map(values)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            raise CommandError(f"Invalid format {self._text!r}: {error}") from None
