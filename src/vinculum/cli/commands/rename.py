"""`borg rename`: give an archive another name."""

from __future__ import annotations

from vinculum.cli import locations, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Give an archive another name."
OPERANDS = "ARCHIVE NEWNAME"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.ARCHIVE, "the archive to rename")
    parser.add_argument("name", metavar="NEWNAME", type=option_types.archive_name, help="its new name")


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.operations.rename import rename_archive

    with session.open_cache("check") as opened:
        rename_archive(opened, args.location.archive, args.name, workarounds=session.workarounds)
