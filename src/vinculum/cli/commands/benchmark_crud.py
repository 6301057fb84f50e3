"""`borg benchmark crud`: measure how fast archives are created, read, updated and deleted."""

from __future__ import annotations

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Measure how fast archives are created, read, updated and deleted."
OPERANDS = "REPOSITORY PATH"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REQUIRED_REPOSITORY, "the repository to use, which must exist")
    parser.add_argument("path", metavar="PATH", help="a directory in which to make the files to back up")


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli import benchmarking

    session.require_locks()
    benchmarking.run(args, session)
