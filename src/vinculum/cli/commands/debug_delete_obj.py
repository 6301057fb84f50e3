"""`borg debug delete-obj`: delete objects, whoever needs them."""

from __future__ import annotations

import sys

from vinculum.cli import locations
from vinculum.cli.object_ids import parse_id
from vinculum.errors import ObjectNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.repository.store import Store

SUMMARY = "Delete objects, whether or not something needs them."
OPERANDS = "REPOSITORY IDs [IDs ...]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REQUIRED_REPOSITORY, "the repository")
    parser.add_argument("ids", metavar="IDs", nargs="+", help="ids of the objects, in hex")


def run(args: argparse.Namespace, session: Session) -> None:
    with session.open_repository(exclusive=True) as store:
        deleted = [_delete(store, text) for text in args.ids]
        if any(deleted):
            store.commit()
    sys.stdout.write("Done.\n")


def _delete(store: Store, text: str) -> bool:
    """Tries to delete an object and says what came of it."""
    try:
        store.delete(parse_id(text))
    except ValueError:
        sys.stdout.write(f"object id {text} is invalid.\n")
    except ObjectNotFound:
        sys.stdout.write(f"object {text} not found.\n")
    else:
        sys.stdout.write(f"object {text} deleted.\n")
        return True
    return False
