"""`borg init`: make a new repository."""

from __future__ import annotations

from vinculum.cli import locations, option_types
from vinculum.keys.modes import MODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from contextlib import AbstractContextManager

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.repository.store import Store

SUMMARY = "Make a new, empty repository."
OPERANDS = "-e MODE [REPOSITORY]"

KEY_ADVICE = """
IMPORTANT: reading this repository takes BOTH its key AND its passphrase!

The repokey and authenticated modes keep the key inside the repository, the
keyfile modes in your home directory. Either can be lost together with its disk.
So, now:

1. Export the key, and keep what you get in a safe place elsewhere:
   {program} key export           REPOSITORY encrypted-key-backup
   {program} key export --paper   REPOSITORY encrypted-key-backup.txt
   {program} key export --qr-html REPOSITORY encrypted-key-backup.html
2. Write down the passphrase, and keep it in a safe place too.
"""


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    parser.add_location(locations.REPOSITORY, "the repository to make")
    add("-e", "--encryption", metavar="MODE", choices=[*MODES], required=True, help=f"how to encrypt: {', '.join(MODES)}")
    add("--append-only", action="store_true", help="never delete data in the repository, only mark it as deleted")
    add(
        "--storage-quota",
        metavar="QUOTA",
        type=option_types.storage_quota,
        default=0,
        help="how much the repository may hold, such as 5G or 1.5T (default: no limit)",
    )
    add("--make-parent-dirs", action="store_true", help="make missing directories above the repository")
    add(
        "--import-related-secrets",
        metavar="PATH",
        type=option_types.path,
        help="deduplicate like the repository that these secrets were exported from",
    )


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.operations.init import create_repository  # the parser's --help does without

    location = session.location
    session.sink.info(f'Initializing repository at "{location.canonical()}"')
    key = create_repository(
        _new_repository(args, session),
        args.encryption,
        session.passphrases,
        path=location.path,
        host=location.host,
        related_secrets_path=args.import_related_secrets,
    )
    if key.name == "none":
        session.sink.info("The repository is NOT encrypted. Other modes (-e repokey, -e keyfile ...) would do that.")
        return
    place = key.key_file or "the repository"
    session.sink.info(f"The key is in {place}. Keep it safe: without it, nothing in the repository can be read.")
    # A warning in level only: this is how a successful init ends.
    session.sink.warning(KEY_ADVICE.format(program=args.program), 0)


def _new_repository(args: argparse.Namespace, session: Session) -> AbstractContextManager[Store]:
    location = session.location
    if location.is_local:
        from vinculum.operations.init import new_local_repository

        return new_local_repository(
            location.path,
            session.sink,
            append_only=args.append_only,
            storage_quota=args.storage_quota,
            make_parent_dirs=args.make_parent_dirs,
            lock_wait_s=session.lock_wait_s,
        )
    from vinculum.remote.client import new_remote_repository

    return new_remote_repository(
        location,
        session.remote_settings(storage_quota=args.storage_quota),
        session.sink,
        append_only=args.append_only,
        make_parent_dirs=args.make_parent_dirs,
        lock_wait=session.lock_wait_s,
    )
