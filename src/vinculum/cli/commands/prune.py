"""`borg prune`: delete old archives by rules."""

from __future__ import annotations

from vinculum.cli import locations, option_groups, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Delete archives that are too old to keep, by rules."
OPERANDS = "[REPOSITORY]"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    option_groups.add_deletion(parser)
    add("--force", dest="forced", action="store_true", help="delete archives even if they are corrupted")
    add("--list", dest="output_list", action="store_true", help="list the archives with what becomes of them")
    add("--keep-within", metavar="INTERVAL", dest="within", type=option_types.hours, help="keep what is no older than INTERVAL")
    for flags, dest, what in (
        (["--keep-last", "--keep-secondly"], "secondly", "archives, one a second"),
        (["--keep-minutely"], "minutely", "archives, one a minute"),
        (["-H", "--keep-hourly"], "hourly", "archives, one an hour"),
        (["-d", "--keep-daily"], "daily", "archives, one a day"),
        (["-w", "--keep-weekly"], "weekly", "archives, one a week"),
        (["-m", "--keep-monthly"], "monthly", "archives, one a month"),
    ):
        add(*flags, dest=dest, metavar="N", type=int, default=0, help=f"keep N {what}")
    quarters = parser.add_mutually_exclusive_group()
    for flag, dest, what in (
        ("--keep-13weekly", "quarterly_13weekly", "archives, one per 13 weeks"),
        ("--keep-3monthly", "quarterly_3monthly", "archives, one per 3 months"),
    ):
        quarters.add_argument(flag, dest=dest, metavar="N", type=int, default=0, help=f"keep N {what}")
    add("-y", "--keep-yearly", dest="yearly", metavar="N", type=int, default=0, help="keep N archives, one a year")
    option_groups.add_archive_filters(parser, sort=False, first_last=False)
    parser.add_location(locations.REPOSITORY, "the repository to prune")


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli import pruning  # the parser's --help does without

    pruning.run(args, session)
