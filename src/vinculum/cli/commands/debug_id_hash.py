"""`borg debug id-hash`: compute the id of a file's content."""

from __future__ import annotations

import sys

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Compute the id that a file's content would have in a repository."
OPERANDS = "REPOSITORY PATH"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REQUIRED_REPOSITORY, "the repository whose key counts")
    parser.add_argument("path", metavar="PATH", help="the file")


def run(args: argparse.Namespace, session: Session) -> None:
    with session.open_archives(None, may_bypass=False) as opened, open(args.path, "rb") as file:
        sys.stdout.write(f"{opened.key.hasher.digest(file.read()).hex()}\n")
