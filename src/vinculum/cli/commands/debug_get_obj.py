"""`borg debug get-obj`: write one stored object to a file."""

from __future__ import annotations

import sys

from vinculum.cli import locations
from vinculum.cli.object_ids import parse_wanted_id
from vinculum.errors import ObjectNotFound, RuntimeTrouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Write one object to a file, as it is stored."
OPERANDS = "REPOSITORY ID PATH"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REQUIRED_REPOSITORY, "the repository")
    parser.add_argument("id", metavar="ID", help="id of the object, in hex")
    parser.add_argument("path", metavar="PATH", help="the file to write")


def run(args: argparse.Namespace, session: Session) -> None:
    with session.open_repository(may_bypass=False) as store:
        id = parse_wanted_id(args.id)
        try:
            stored = store.get(id)
        except ObjectNotFound:
            raise RuntimeTrouble(f"object {args.id} not found.") from None
        with open(args.path, "wb") as file:
            file.write(stored)
    sys.stdout.write(f"object {args.id} fetched.\n")
