"""`borg debug convert-profile`: make a profile readable for Python's tools."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Make a profile of --debug-profile readable for Python's tools."
OPERANDS = "INPUT OUTPUT"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("input", metavar="INPUT", help="the profile")
    parser.add_argument("output", metavar="OUTPUT", help="the file to write")


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli.profiling import convert_profile

    session.require_locks()
    convert_profile(args.input, args.output)
