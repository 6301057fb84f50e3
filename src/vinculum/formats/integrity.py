"""Integrity strings: the checksums that guard index, hints and cache files against silent damage.

One running XXH64 covers the file's base name and every part of the file (see `docs/format`), so a renamed file fails as well.
A hash index has a part `HashHeader` of 18 bytes before the final part. This is no protection against people.

    label(x)   length of x in decimal, right-aligned in 10 columns, then x
    hash over  label(file name), then for each part: its bytes, label(part name), its end offset in decimal
"""

from __future__ import annotations

import json

from vinculum._native import Xxh64
from vinculum.errors import FileIntegrityError
from vinculum.formats.json_text import parse_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vinculum._native import Blob


HASH_INDEX_PARTS = (("HashHeader", 18),)


def integrity_string(file_name: str, content: Blob, parts: Sequence[tuple[str, int]] = ()) -> str:
    """The integrity string of a file; `parts` are the named ends of parts before the end of the file."""
    digests = _xxh64_digests(file_name, content, parts)
    return json.dumps({"algorithm": "XXH64", "digests": digests})


def verify_integrity(text: str, file_name: str, content: Blob, parts: Sequence[tuple[str, int]] = ()) -> None:
    """FileIntegrityError if the content is not what the integrity string `text` was made of.

    An algorithm that is unknown here verifies nothing.
    """
    if _compare(text, file_name, content, parts) is False:
        raise FileIntegrityError(file_name)


def vouches_for(text: str, file_name: str, content: Blob, parts: Sequence[tuple[str, int]] = ()) -> bool:
    """Whether `text` is an integrity string of this very content."""
    try:
        return _compare(text, file_name, content, parts) is True
    except FileIntegrityError:
        return False


def _compare(text: str, file_name: str, content: Blob, parts: Sequence[tuple[str, int]]) -> bool | None:
    """None for an algorithm that is unknown here."""
    try:
        record: Any = parse_json(text)
        algorithm, expected = record["algorithm"], dict(record["digests"])
        final = expected["final"]
    except (ValueError, KeyError, TypeError):
        raise FileIntegrityError(f"{file_name} (malformed integrity data)") from None
    if algorithm == "XXH64":
        digests = _xxh64_digests(file_name, content, parts)
    elif algorithm == "SHA512":
        digests = _sha512_digests(file_name, content, parts)
    else:
        return None
    return digests["final"] == final and all(digests[name] == expected.get(name, digests[name]) for name in digests)


def _xxh64_digests(file_name: str, content: Blob, parts: Sequence[tuple[str, int]]) -> dict[str, str]:
    hasher = Xxh64()
    hasher.update(_label(file_name))
    digests = {}
    start = 0
    for name, end in (*parts, ("final", len(content))):
        hasher.update(content[start:end] if isinstance(content, bytes) else content.slice(start, end))
        start = min(end, len(content))
        hasher.update(_label(name) + b"%d" % start)
        digests[name] = hasher.hexdigest()
    return digests


def _sha512_digests(file_name: str, content: Blob, parts: Sequence[tuple[str, int]]) -> dict[str, str]:
    # Nobody writes this algorithm by default, so only its readers pay for the import.
    from hashlib import sha512

    hasher = sha512(_label(file_name))
    view = memoryview(content)
    digests = {}
    start = 0
    for name, end in (*parts, ("final", len(content))):
        hasher.update(view[start:end])
        start = min(end, len(content))
        hasher.update(_label(name) + b"%d" % start)
        digests[name] = hasher.hexdigest()
    return digests


def _label(text: str) -> bytes:
    return b"%10d" % len(text) + text.encode()
