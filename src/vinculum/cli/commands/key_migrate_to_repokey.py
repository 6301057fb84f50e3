"""`borg key migrate-to-repokey`: leave the old passphrase mode."""

from __future__ import annotations

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Turn a repository in the old passphrase mode into one in repokey mode."
OPERANDS = "[REPOSITORY]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.REPOSITORY, "the repository (default: BORG_REPO)")


def run(args: argparse.Namespace, session: Session) -> None:  # noqa: ARG001 (every command gets them)
    from vinculum.archive.manifest import fetch_manifest_object
    from vinculum.keys.migration import migrate_passphrase_key

    with session.open_repository(exclusive=True) as store:
        migrate_passphrase_key(store, fetch_manifest_object(store), session.passphrases)
        session.sink.info("Key updated")
