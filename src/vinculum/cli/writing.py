"""Files that commands write on request: what they hold is for the user alone, and `-` is stdout."""

from __future__ import annotations

import sys
from contextlib import contextmanager

from vinculum.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from vinculum._native import Blob


def write_text(path: str | None, text: str) -> None:
    """Writes `text` to the file at `path`, or to stdout. CommandError if that is a directory."""
    with written(path) as output:
        output.write(text)


@contextmanager
def written(path: str | None) -> Iterator[TextIO]:
    """The file at `path`, or stdout, for writing text. CommandError if it is a directory."""
    if path in (None, "-"):
        yield sys.stdout
        return
    assert path is not None
    try:
        with open(path, "w", encoding="utf-8") as file:
            yield file
    except IsADirectoryError:
        raise CommandError(f"'{path}' must be a file, not a directory") from None


def write_objects(objects: Iterable[tuple[str, Blob]]) -> None:
    """Writes each content to a file of that name in the current directory, and says so."""
    for name, content in objects:
        sys.stdout.write(f"Dumping {name}\n")
        with open(name, "wb") as file:
            file.write(content)
    sys.stdout.write("Done.\n")
