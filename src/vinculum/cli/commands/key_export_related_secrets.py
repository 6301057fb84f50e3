"""`borg key export-related-secrets`: let another repository deduplicate like this one."""

from __future__ import annotations

from vinculum.cli import locations, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Export what another repository needs to deduplicate like this one."
OPERANDS = "[REPOSITORY] [PATH]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REPOSITORY, "the repository (default: BORG_REPO)")
    parser.add_argument(
        "path", metavar="PATH", type=option_types.path, nargs="?", help="the file to write (default, or -: stdout)"
    )


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli.writing import write_text
    from vinculum.keys.key import related_secrets

    with session.open_archives("read", may_bypass=False) as opened:
        write_text(args.path, related_secrets(opened.key))
