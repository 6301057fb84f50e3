"""`borg version`: the versions of client and server."""

from __future__ import annotations

import sys

from vinculum import BORG_VERSION
from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Show the versions of the client and of the server that a repository is on."
OPERANDS = "[REPOSITORY]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REPOSITORY, "the repository (default: BORG_REPO)")


def run(args: argparse.Namespace, session: Session) -> None:  # noqa: ARG001 (every command gets them)
    sys.stdout.write(f"{BORG_VERSION} / {_server_version(session)}\n")


def _server_version(session: Session) -> str:
    """Of a repository on another machine, which need not exist; local ones are served by this very program."""
    if session.location.is_local:
        return BORG_VERSION
    from vinculum.remote.connecting import connect
    from vinculum.remote.versions import format_version

    connection = connect(session.location, session.remote_settings(), session.sink)
    connection.close()
    return format_version(connection.server_version)
