"""`borg debug search-repo-objs`: look for a byte sequence in every object."""

from __future__ import annotations

import sys
from binascii import unhexlify

from vinculum.cli import locations
from vinculum.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.operations.object_survey import Finding

SUMMARY = "Look for a byte sequence in every object of a repository."
OPERANDS = "REPOSITORY WANTED"
_PROGRESS_INTERVAL = 10_000


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REQUIRED_REPOSITORY, "the repository to look into")
    parser.add_argument("wanted", metavar="WANTED", help="what to look for: hex:1234abcd, or str:text")


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.operations.object_survey import Search, any_object, read_all_objects

    with session.open_repository(may_bypass=False) as store:
        wanted = _parse_wanted(args.wanted)
        search = Search(wanted)
        for number, (id, content) in enumerate(read_all_objects(store, session.open_key(store, any_object(store)))):
            for finding in search.look_into(id, content):
                sys.stdout.write(f"{number} {_describe(finding, wanted)}\n")
            if (number + 1) % _PROGRESS_INTERVAL == 0:
                sys.stdout.write(f"{number + 1} objects processed.\n")
    sys.stdout.write("Done.\n")


def _parse_wanted(text: str) -> bytes:
    kind, _, term = text.partition(":")
    wanted = b""
    try:
        if kind == "hex":
            wanted = unhexlify(term)
        elif kind == "str":
            wanted = term.encode()
    except ValueError:
        pass
    if not wanted:
        raise CommandError("search term needs to be hex:123abc or str:foobar style")
    return wanted


def _describe(finding: Finding, wanted: bytes) -> str:
    where = " | ".join(id.hex() for id in finding.ids) + (f" #{finding.count}" if finding.count else "")
    parts = finding.before, wanted, finding.after
    return f"{where}: {' '.join(part.hex() for part in parts)} == {' '.join(map(repr, parts))}"
