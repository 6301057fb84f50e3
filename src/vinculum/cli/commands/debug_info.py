"""`borg debug info`: show what a bug report should say about the system."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Show what a bug report should say about this system."
OPERANDS = ""


def add_arguments(parser: CommandParser) -> None:
    """There is nothing to choose."""


def run(args: argparse.Namespace, session: Session) -> None:  # noqa: ARG001 (every command gets them)
    from vinculum.cli.system_facts import system_facts
    from vinculum.platform.identity import host_id

    session.require_locks()
    sys.stdout.write(f"{system_facts()}\nCRC implementation: crc32fast\nProcess ID: {(host_id(), os.getpid(), 0)!r}\n")
