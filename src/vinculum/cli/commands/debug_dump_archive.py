"""`borg debug dump-archive`: write everything that is stored about an archive and its items as JSON."""

from __future__ import annotations

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import TextIO

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.operations.metadata_dump import ArchiveFields

SUMMARY = "Write the metadata of an archive and its items as JSON."
OPERANDS = "ARCHIVE PATH"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.ARCHIVE, "the archive to look into")
    parser.add_argument("path", metavar="PATH", help='the file to write, "-" for stdout')


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli.writing import written
    from vinculum.operations.metadata_dump import ArchiveFields

    with session.open_archives(None, may_bypass=False) as opened:
        fields = ArchiveFields(opened.store, opened.key, args.location.archive)
        with written(args.path) as output:
            _write(output, args.location.archive, fields)


def _write(output: TextIO, name: str, fields: ArchiveFields) -> None:
    """One document in Borg's layout, item by item: as a whole it can be far bigger than memory."""
    from vinculum.ui.decoded_json import dump

    output.write(f'{{\n    "_name": {dump(name)},\n')
    output.write(f'    "_manifest_entry":\n{dump(fields.entry, 4)},\n    "_meta":\n{dump(fields.archive, 4)},\n')
    output.write('    "_items": [\n')
    separator = ""
    for item in fields.items():
        output.write(f"{separator}{dump(item, 4)}")
        separator = ",\n"
    output.write("\n    ]\n}\n")
