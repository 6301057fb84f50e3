"""Ids of objects as people type them: 64 hex digits."""

from __future__ import annotations

from binascii import unhexlify

from vinculum.errors import CommandError
from vinculum.formats.ids import ID_BYTES


def parse_id(text: str) -> bytes:
    """The id. ValueError says what is wrong with `text`."""
    id = unhexlify(text)
    if len(id) != ID_BYTES:
        raise ValueError(f"Expected {ID_BYTES} bytes ({2 * ID_BYTES} hex digits), got {len(id)} bytes.")
    return id


def parse_wanted_id(text: str) -> bytes:
    """The id of the one object that a command is about. CommandError if `text` is none."""
    try:
        return parse_id(text)
    except ValueError as error:
        raise CommandError(f"object id {text} is invalid [{error}].") from None
