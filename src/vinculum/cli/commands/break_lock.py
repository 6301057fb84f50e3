"""`borg break-lock`: remove the locks of a repository and its cache."""

from __future__ import annotations

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Remove the locks of a repository and of its cache."
OPERANDS = "[REPOSITORY]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REPOSITORY, "the repository (default: BORG_REPO)")


def run(args: argparse.Namespace, session: Session) -> None:  # noqa: ARG001 (every command gets them)
    from vinculum.repository.locking import break_lock

    with session.open_repository(locked=False, may_bypass=False) as store:
        store.break_lock()
        break_lock(session.cache_directory(store.id))
