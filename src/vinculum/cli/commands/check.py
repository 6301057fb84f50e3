"""`borg check`: find out whether a repository and its archives are whole, and repair them."""

from __future__ import annotations

from vinculum.cli import locations, option_groups, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Find out whether a repository and its archives are whole, and repair them."
OPERANDS = "[REPOSITORY_OR_ARCHIVE]"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    parser.add_location(locations.REPOSITORY_OR_ARCHIVE, "what to check")
    add("--repository-only", action="store_true", help="check the repository's files only, not its archives; needs no key")
    add("--archives-only", action="store_true", help="check archives only, not the repository's files")
    add("--verify-data", action="store_true", help="also decrypt and verify every object")
    add("--repair", action="store_true", help="repair what can be repaired; what is damaged may get lost for good")
    add("--save-space", action="store_true", help="has no effect: repairing works with little space anyway")
    add(
        "--max-duration",
        metavar="SECONDS",
        type=option_types.natural_int,
        default=0,
        help="check for so long only and go on there the next time (with --repository-only)",
    )
    option_groups.add_archive_filters(parser)


def run(args: argparse.Namespace, session: Session) -> int | None:
    from vinculum.cli import checking  # the parser's --help does without

    return checking.run(args, session)
