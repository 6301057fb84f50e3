"""`borg key export`: copy a key to a file, a page or paper."""

from __future__ import annotations

from vinculum.cli import locations, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.repository.store import Store

SUMMARY = "Copy the key of a repository to a safe place."
OPERANDS = "[REPOSITORY] [PATH]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--paper", action="store_true", help="as text for printing and for typing in again")
    parser.add_argument("--qr-html", action="store_true", help="as an HTML page for printing, with a QR code")
    parser.add_location(locations.REPOSITORY, "the repository (default: BORG_REPO)")
    parser.add_argument(
        "path", metavar="PATH", type=option_types.path, nargs="?", help="the file to write (default, or -: stdout)"
    )


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli.writing import write_text

    # A lock would only be in the way: a key that is replaced at this moment is still read as a whole.
    with session.open_repository(locked=False, may_bypass=False) as store:
        write_text(args.path, _exporter(args)(store))


def _exporter(args: argparse.Namespace) -> Callable[[Store], str]:
    from vinculum.operations.key_transfer import export_file, export_paper

    if args.qr_html and not args.paper:
        from vinculum.operations.key_page import export_page

        return export_page
    return export_paper if args.paper else export_file
