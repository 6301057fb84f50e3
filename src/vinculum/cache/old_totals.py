"""`pre12-meta`: the totals of archives whose own object lacks them, because a program before 1.2 made them.

Counting them means reading the whole item stream, so the result is kept here. Archives never change, so an entry is right for
ever; a file that cannot be understood is begun anew.
"""

from __future__ import annotations

import json

from vinculum.formats.json_text import parse_json
from vinculum.platform.files import write_atomically

FIELDS = ("size", "csize", "nfiles", "size_parts", "csize_parts", "nfiles_parts")


class OldTotals:
    """Archive id -> its totals by the names of the archive object's fields. Confined to one thread."""

    __slots__ = ("_entries", "_is_changed", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._entries: dict[str, dict[str, int]] | None = None  # None: not read yet
        self._is_changed = False

    def get(self, archive_id: bytes) -> dict[str, int] | None:
        """All six totals of an archive, None if they are not known."""
        return self._loaded().get(archive_id.hex())

    def remember(self, archive_id: bytes, totals: dict[str, int]) -> None:
        """Takes all six totals of an archive; `save` makes them last."""
        self._loaded()[archive_id.hex()] = {field: totals[field] for field in FIELDS}
        self._is_changed = True

    def save(self) -> None:
        """Writes what was remembered, if anything was."""
        if self._is_changed:
            write_atomically(self._path, json.dumps(self._loaded(), indent=4).encode("ascii"))
            self._is_changed = False

    def _loaded(self) -> dict[str, dict[str, int]]:
        if self._entries is None:
            self._entries = self._load()
        return self._entries

    def _load(self) -> dict[str, dict[str, int]]:
        try:
            with open(self._path, "rb") as file:
                content = parse_json(file.read())
        except (FileNotFoundError, ValueError):
            return {}
        if not isinstance(content, dict):
            return {}
        return {id: totals for id, totals in content.items() if _is_complete(totals)}


def _is_complete(totals: object) -> bool:
    return isinstance(totals, dict) and all(type(totals.get(field)) is int for field in FIELDS)
