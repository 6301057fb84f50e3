"""`borg debug dump-manifest`: write the manifest as JSON."""

from __future__ import annotations

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Write the manifest of a repository as JSON."
OPERANDS = "REPOSITORY PATH"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REQUIRED_REPOSITORY, "the repository to look into")
    parser.add_argument("path", metavar="PATH", help='the file to write, "-" for stdout')


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli.writing import write_text
    from vinculum.operations.metadata_dump import manifest_fields
    from vinculum.ui.decoded_json import dump

    with session.open_archives(None, may_bypass=False) as opened:
        write_text(args.path, dump(manifest_fields(opened.store, opened.key)))
