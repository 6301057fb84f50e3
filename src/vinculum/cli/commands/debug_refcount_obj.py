"""`borg debug refcount-obj`: show how many references objects have."""

from __future__ import annotations

import sys

from vinculum.cli import locations
from vinculum.cli.object_ids import parse_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cache.directory import Cache
    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Show how many references objects have, as this client's cache counts them."
OPERANDS = "REPOSITORY IDs [IDs ...]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REQUIRED_REPOSITORY, "the repository")
    parser.add_argument("ids", metavar="IDs", nargs="+", help="ids of the objects, in hex")


def run(args: argparse.Namespace, session: Session) -> None:
    with session.open_cache(None) as opened:
        for text in args.ids:
            sys.stdout.write(f"object {_count(opened.cache, text)}.\n")


def _count(cache: Cache, text: str) -> str:
    try:
        found = cache.chunks.get(parse_id(text))
    except ValueError:
        return f"id {text} is invalid"
    if found is None:
        return f"{text} not found [info from chunks cache]"
    return f"{text} has {found[0]} referrers [info from chunks cache]"
