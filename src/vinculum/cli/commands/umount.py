"""`borg umount`: end what `borg mount` began."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Unmount what was mounted."
OPERANDS = "MOUNTPOINT"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("mountpoint", metavar="MOUNTPOINT", help="the directory that it is mounted on")


def run(args: argparse.Namespace, session: Session) -> None:  # noqa: ARG001
    from vinculum.platform import fuse

    fuse.unmount(os.path.realpath(args.mountpoint))
