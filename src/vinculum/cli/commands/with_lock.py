"""`borg with-lock`: run a program while nobody else can change a repository."""

from __future__ import annotations

import argparse

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Run a program while the repository is locked."
OPERANDS = "REPOSITORY COMMAND ..."


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REQUIRED_REPOSITORY, "the repository to lock")
    parser.add_argument("program_to_run", metavar="COMMAND", help="the program to run")
    parser.add_argument("program_arguments", metavar="ARGS", nargs=argparse.REMAINDER, help="its arguments")


def run(args: argparse.Namespace, session: Session) -> int | None:
    from vinculum.cli.child import run_to_the_end

    with session.open_repository(exclusive=True):
        code = run_to_the_end([args.program_to_run, *args.program_arguments])
    return code or None
