"""`borg debug dump-hints`: write the repository's bookkeeping about segments as JSON."""

from __future__ import annotations

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Write what a repository remembers about its segment files, as JSON."
OPERANDS = "REPOSITORY PATH"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REQUIRED_REPOSITORY, "the repository to look into")
    parser.add_argument("path", metavar="PATH", help='the file to write, "-" for stdout')


def run(args: argparse.Namespace, session: Session) -> None:
    import json

    from vinculum.cli.writing import write_text

    with session.open_local_repository(exclusive=True) as store:
        hints = store.hints()
        document = {
            "segments": hints.segments,
            "compact": hints.compact,
            "storage_quota_use": hints.quota_use,
            "shadow_index": {id.hex(): segments for id, segments in hints.shadow_items()},
        }
        write_text(args.path, json.dumps(document, indent=4))
