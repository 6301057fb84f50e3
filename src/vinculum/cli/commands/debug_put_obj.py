"""`borg debug put-obj`: store the content of a file as an object."""

from __future__ import annotations

import sys

from vinculum.cli import locations
from vinculum.cli.object_ids import parse_wanted_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Store the content of a file as an object, as it is."
OPERANDS = "REPOSITORY ID PATH"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REQUIRED_REPOSITORY, "the repository")
    parser.add_argument("id", metavar="ID", help="id of the object, in hex")
    parser.add_argument("path", metavar="PATH", help="the file to read")


def run(args: argparse.Namespace, session: Session) -> None:
    with session.open_repository(exclusive=True) as store:
        with open(args.path, "rb") as file:
            content = file.read()
        store.put(parse_wanted_id(args.id), content)
        sys.stdout.write(f"object {args.id} put.\n")
        store.commit()
