"""`borg delete`: delete archives, or a whole repository."""

from __future__ import annotations

from vinculum.cli import locations, option_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Delete archives, or a whole repository."
OPERANDS = "[REPOSITORY_OR_ARCHIVE] [ARCHIVE ...]"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    option_groups.add_deletion(parser)
    add("--list", dest="output_list", action="store_true", help="list the archives that are deleted")
    add("--cache-only", action="store_true", help="delete nothing but this client's cache of the repository")
    add(
        "--force",
        dest="forced",
        action="count",
        default=0,
        help="delete archives even if they are corrupted; twice, if once does not help",
    )
    add("--keep-security-info", action="store_true", help="keep what this client knows a deleted repository by")
    parser.add_location(locations.REPOSITORY_OR_ARCHIVE, "what to delete")
    add("archives", metavar="ARCHIVE", nargs="*", help="more archives of that repository to delete")
    option_groups.add_archive_filters(parser)


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli import deleting  # the parser's --help does without

    deleting.run(args, session)
