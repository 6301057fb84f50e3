"""`borg version`: the versions of client and server."""

from __future__ import annotations

import sys

from vinculum import BORG_VERSION
from vinculum.cli import option_types
from vinculum.cli.session import require_local

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Show the versions of the client and of the server that a repository is on."
OPERANDS = "[REPOSITORY]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(option_types.REPOSITORY, "the repository (default: BORG_REPO)")


def run(args: argparse.Namespace, session: Session) -> None:  # noqa: ARG001 (every command gets them)
    # A local repository is served by this very program; it need not even exist.
    require_local(session.location)
    sys.stdout.write(f"{BORG_VERSION} / {BORG_VERSION}\n")
