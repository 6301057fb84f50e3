"""Files that commands write on request: what they hold is for the user alone, and `-` is stdout."""

from __future__ import annotations

import sys

from vinculum.errors import CommandError


def write_text(path: str | None, text: str) -> None:
    """Writes `text` to the file at `path`, or to stdout. CommandError if that is a directory."""
    if path in (None, "-"):
        sys.stdout.write(text)
        return
    assert path is not None
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except IsADirectoryError:
        raise CommandError(f"'{path}' must be a file, not a directory") from None
