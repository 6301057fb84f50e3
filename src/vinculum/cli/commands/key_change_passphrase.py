"""`borg key change-passphrase`: protect a key by another passphrase."""

from __future__ import annotations

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Protect the key of a repository by another passphrase."
OPERANDS = "[REPOSITORY]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REPOSITORY, "the repository (default: BORG_REPO)")


def run(args: argparse.Namespace, session: Session) -> None:  # noqa: ARG001 (every command gets them)
    from vinculum.keys.key import change_passphrase

    with session.open_archives("check", exclusive=True) as opened:
        change_passphrase(opened.store, opened.key, session.passphrases)
        session.sink.info("Key updated")
        session.sink.info(f"Key location: {opened.key.key_file or opened.store.path}")
