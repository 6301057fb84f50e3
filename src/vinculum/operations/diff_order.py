"""The order of differences that `--sort-by` asks for."""

from __future__ import annotations

import os

from vinculum.archive.differences import size_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from vinculum.archive.differences import Difference


def _added(difference: Difference) -> int:
    return _sum(difference, "added")


def _removed(difference: Difference) -> int:
    return _sum(difference, "removed")


def _sum(difference: Difference, verb: str) -> int:
    total = 0
    for change in difference.changes:
        size = change.get("size", 0) if change["type"] == verb else change.get(verb, 0)
        assert isinstance(size, int)
        total += size
    return total


def _path(difference: Difference) -> bytes:
    # As it is shown: bytes that are not UTF-8 are question marks.
    return os.fsdecode(difference.path).encode(errors="replace")


def _size(difference: Difference) -> int:
    return 0 if difference.new is None else size_of(difference.new)


def _name_key(field: str) -> Callable[[Difference], str]:
    return lambda difference: (getattr(difference.new, field, None) or b"").decode(errors="surrogateescape")


def _number_key(field: str, default: int) -> Callable[[Difference], int]:
    def key(difference: Difference) -> int:
        number: int | None = getattr(difference.new, field, None)
        return default if number is None else number

    return key


def _time_change_key(field: str) -> Callable[[Difference], int]:
    return lambda difference: (getattr(difference.new, field, None) or 0) - (getattr(difference.old, field, None) or 0)


# What is gone has no attributes to sort by: it counts as having none.
_KEYS: dict[str, Callable[[Difference], Any]] = {
    "path": _path,
    "size_added": _added,
    "size_removed": _removed,
    "size_diff": lambda difference: _added(difference) - _removed(difference),
    "size": _size,
    "user": _name_key("user"),
    "group": _name_key("group"),
    "uid": _number_key("uid", -1),
    "gid": _number_key("gid", -1),
    "ctime": _number_key("ctime", 0),
    "mtime": _number_key("mtime", 0),
    "ctime_diff": _time_change_key("ctime"),
    "mtime_diff": _time_change_key("mtime"),
}


def in_order(found: Iterable[Difference], fields: Iterable[str]) -> Iterable[Difference]:
    """The differences sorted by the fields, the first of which counts most; `>` before a field turns it around."""
    wanted = list(fields)
    if not wanted:
        return found
    ordered = list(found)
    for field in reversed(wanted):
        ordered.sort(key=_KEYS[field.lstrip("<>")], reverse=field.startswith(">"))
    return ordered
