"""`borg key import`: put a key back from its copy, or from paper."""

from __future__ import annotations

import os
import sys

from vinculum.cli import locations, option_types
from vinculum.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.keys.paper import PaperReader
    from vinculum.repository.store import Store
    from vinculum.ui.prompts import Prompter

SUMMARY = "Put the key of a repository back from its copy."
OPERANDS = "[REPOSITORY] [PATH]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--paper", action="store_true", help='ask for the lines of a copy made by "borg key export --paper"')
    parser.add_location(locations.REPOSITORY, "the repository (default: BORG_REPO)")
    parser.add_argument("path", metavar="PATH", type=option_types.path, nargs="?", help="the copy (-: stdin)")


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.operations.key_transfer import import_file

    # Not locked, as in Borg: whoever lost a key may have lost its lock's holder too.
    with session.open_repository(locked=False, may_bypass=False) as store:
        if args.paper:
            if args.path:
                raise CommandError("with --paper import from file is not supported")
            _import_paper(store, session)
            return
        if not args.path:
            raise CommandError("expected input file to import key from")
        if args.path != "-" and not os.path.exists(args.path):
            raise CommandError(f"input file does not exist: {args.path}")
        import_file(store, _read(args.path), args.path, path=session.location.path, host=session.location.host)


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    with open(path, "rb") as file:
        return file.read()


def _import_paper(store: Store, session: Session) -> None:
    from vinculum.keys.paper import PaperReader
    from vinculum.operations.key_transfer import import_blob, key_mode

    if sys.stdin.isatty():
        import readline  # noqa: F401 (that it is there makes lines editable)

    key_mode(store)  # there may be no key to ask for
    blob = _type_in(PaperReader(store.id), session.prompter)
    if blob is not None:
        import_blob(store, blob, "what was typed", path=session.location.path, host=session.location.host)


def _type_in(reader: PaperReader, prompter: Prompter) -> bytes | None:
    """The key that the user types line by line; None if the user gives up."""
    try:
        while True:
            line = input(f"{reader.next_line:2d}: " if reader.next_line else "id: ")
            if not line.replace(" ", "") and prompter.insist("Abort import? [yN]:"):
                raise EOFError
            try:
                reader.take(line)
            except ValueError as advice:
                sys.stdout.write(f"{advice}\n")
            if reader.is_complete:
                blob = reader.finish()
                if blob is not None:
                    return blob
                sys.stdout.write("The checksum of the whole does not fit: begin anew, or abort by an empty line.\n")
    except EOFError:
        sys.stdout.write("\n - aborted\n")
        return None
