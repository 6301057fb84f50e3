"""`borg import-tar`: make an archive of a tar."""

from __future__ import annotations

from vinculum.cli import locations, option_actions, option_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Make an archive of a tar."
OPERANDS = "ARCHIVE TARFILE"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add(
        "--tar-filter",
        metavar="COMMAND",
        default="auto",
        action=option_actions.OnlyOnce,
        help="program that TARFILE goes through to become a tar (default: by name of TARFILE)",
    )
    option_groups.add_archive_output(parser)
    add("--ignore-zeros", action="store_true", help="go on after blocks of zeros, which end a tar otherwise")
    option_groups.add_archive_making(parser, fills_comment=False)  # as in Borg
    parser.add_location(locations.ARCHIVE, "the archive to make")
    add("tarfile", metavar="TARFILE", help='the tar to read, "-" for stdin')


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli import importing  # the parser's --help does without

    importing.run(args, session)
