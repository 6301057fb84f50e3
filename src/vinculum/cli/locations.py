"""Repositories and archives as they stand on a command line: with placeholders, or left out where BORG_REPO says which.

Nothing is looked at here, be it near or far.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError

from vinculum.errors import InvalidPlaceholder, PlaceholderError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from vinculum.repository.location import Location


class LocationRule:
    """What a location operand is called, whether it may be left out, and whether it names an archive (None: either way)."""

    __slots__ = ("archive", "metavar", "required")

    def __init__(self, metavar: str, *, archive: bool | None, required: bool) -> None:
        self.metavar = metavar
        self.archive = archive
        self.required = required


REPOSITORY = LocationRule("REPOSITORY", archive=False, required=False)
REQUIRED_REPOSITORY = LocationRule("REPOSITORY", archive=False, required=True)
ARCHIVE = LocationRule("ARCHIVE", archive=True, required=True)
REQUIRED_REPOSITORY_OR_ARCHIVE = LocationRule("REPOSITORY_OR_ARCHIVE", archive=None, required=True)
REPOSITORY_OR_ARCHIVE = LocationRule("REPOSITORY_OR_ARCHIVE", archive=None, required=False)


def placeholders(text: str, now: datetime | None = None) -> str:
    """`text` with its placeholders filled in; InvalidPlaceholder, which has an exit code of its own, for unknown ones."""
    if "{" not in text and "}" not in text:
        return text
    from vinculum.archive.placeholders import Surroundings, replace_placeholders  # rarely needed

    surroundings = Surroundings(os.environ.get("BORG_HOSTNAME"), os.environ.get("BORG_USERNAME"), now)
    try:
        return replace_placeholders(text, surroundings)
    except InvalidPlaceholder:
        raise
    except PlaceholderError as error:
        raise ArgumentTypeError(str(error)) from None


def parse_location(text: str, rule: LocationRule, now: datetime | None = None) -> Location:
    """The location meant by `text` and `BORG_REPO`; `now` is the time for placeholders, if not the current one."""
    from vinculum.repository.location import Location  # not needed by the parsers of commands without a repository

    filled = placeholders(text, now)
    default = os.environ.get("BORG_REPO")
    try:
        location = Location.parse(filled, placeholders(default, now) if default else None)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    if rule.archive is True and not location.archive:
        raise ArgumentTypeError(f'"{text}": No archive specified')
    if rule.archive is False and location.archive:
        raise ArgumentTypeError(f'"{text}": No archive can be specified')
    return location
