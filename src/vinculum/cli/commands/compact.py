"""`borg compact`: free the space of what was deleted."""

from __future__ import annotations

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Free the space of what was deleted."
OPERANDS = "[REPOSITORY]"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    parser.add_location(locations.REPOSITORY, "the repository to compact")
    add("-n", "--dry-run", action="store_true", help="change nothing")
    add("--cleanup-commits", action="store_true", help="also remove the files of 17 bytes that Borg 1.1 left behind")
    add(
        "--threshold",
        metavar="PERCENT",
        type=int,
        default=10,
        help="rewrite a segment file if more than this part of it can be freed (default: 10)",
    )


def run(args: argparse.Namespace, session: Session) -> None:
    with session.open_repository(exclusive=True) as store:
        if not args.dry_run:
            from vinculum.operations.compact import compact_repository

            compact_repository(store, args.threshold / 100, cleanup_commits=args.cleanup_commits)
