"""`borg upgrade`: make the manifest and the archives of an older repository authenticated."""

from __future__ import annotations

import sys

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.archive.manifest import ArchiveEntry
    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.operations.authentication import ArchiveAuthentication, ManifestAuthentication
    from vinculum.operations.opened import OpenArchives

SUMMARY = "Bring a repository of an older version up to date."
OPERANDS = "[REPOSITORY]"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("-n", "--dry-run", action="store_true", help="change nothing")
    add("--inplace", action="store_true", help="without effect: no repository that can be upgraded needs a copy first")
    add("--force", action="store_true", help="trust a manifest that is not authenticated")
    add("--tam", action="store_true", help="from now on, insist on an authenticated manifest")
    add("--check-tam", action="store_true", help="tell whether the manifest, the key and this client insist on that")
    add("--disable-tam", action="store_true", help="no longer insist on an authenticated manifest")
    add("--check-archives-tam", action="store_true", help="tell which archives are authenticated")
    add("--archives-tam", action="store_true", help="authenticate all archives that are not")
    parser.add_location(locations.REPOSITORY, "the repository (default: BORG_REPO)")


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.archive.archive import IGNORE_INVALID_ARCHIVE_TAM

    if args.archives_tam or args.check_archives_tam:
        from vinculum.operations.authentication import ArchiveAuthentication

        session.trust(manifest=args.force, workaround=IGNORE_INVALID_ARCHIVE_TAM)
        with session.open_cache("check") as opened:
            archives = ArchiveAuthentication(opened)
            if args.check_archives_tam or args.dry_run:
                _check_archives(archives, session)
            else:
                _authenticate_archives(archives)
    elif args.tam or args.check_tam or args.disable_tam:
        from vinculum.operations.authentication import ManifestAuthentication

        only_disables = not args.tam and not args.check_tam
        session.trust(manifest=args.force or only_disables)
        with session.open_manifest(None if only_disables else "check", exclusive=True) as opened:
            places = ManifestAuthentication(opened)
            if args.check_tam or args.dry_run:
                _check_manifest(places, session)
            elif args.tam:
                _authenticate_manifest(places, opened)
            elif places.disable():
                _report_key(opened)
    else:
        with session.open_repository(exclusive=True):
            session.sink.info("The repository has the current format, there is nothing to convert.")


# -- manifest ----------------------------------------------------------------------------------------------------------


def _check_manifest(places: ManifestAuthentication, session: Session) -> None:
    if not places.manifest_agrees:
        session.sink.warning("Repository Manifest is not TAM verified or a TAM is not required!")
    if not places.key_agrees:
        session.sink.warning("Key does not require TAM authentication!")
    if not places.client_agrees:
        session.sink.warning("Client-side security database does not require a TAM!")
    if places.manifest_agrees and places.key_agrees and places.client_agrees:
        _print("Manifest authentication setup OK for this client and this repository.")


def _authenticate_manifest(places: ManifestAuthentication, opened: OpenArchives) -> None:
    if not places.manifest_agrees:
        # What is now declared authentic, for the user to look at.
        _print("Manifest contents:")
        for entry in sorted(opened.manifest.archives.values(), key=lambda entry: entry.time):
            _print(_describe(entry))
        places.tell_manifest()
    if not places.key_agrees:
        places.tell_key()
        _report_key(opened)
    if not places.client_agrees:
        places.tell_client()
        _print("Updated security database")


def _report_key(opened: OpenArchives) -> None:
    _print("Key updated")
    _print(f"Key location: {opened.key.key_file or opened.store.path}")


# -- archives ----------------------------------------------------------------------------------------------------------


def _check_archives(archives: ArchiveAuthentication, session: Session) -> None:
    issues = 0
    for entry in archives.entries():
        authentic = archives.is_authentic(entry)
        issues += not authentic
        _print(f"Archive TAM {'present' if authentic else 'missing'}: {_describe(entry)}")
    if issues:
        session.sink.warning(f"Found {issues} archives with TAM issues!")
    else:
        _print("All archives are TAM authenticated.")


def _authenticate_archives(archives: ArchiveAuthentication) -> None:
    issues = 0
    for entry in archives.entries():
        if archives.is_authentic(entry):
            _print(f"Archive TAM present: {_describe(entry)}")
        else:
            issues += 1
            _print(f"Added archive TAM:   {_describe(entry)} -> [{archives.authenticate(entry).hex()}]")
    archives.commit()
    if issues:
        _print(f"Fixed {issues} archives with TAM issues!")
        _print("All archives are TAM authenticated now.")
    else:
        _print("All archives are TAM authenticated.")


def _describe(entry: ArchiveEntry) -> str:
    from vinculum.ui.formatting import format_moment
    from vinculum.ui.text import display_text

    return f"{display_text(entry.name):<36} {format_moment(entry.time)} [{entry.id.hex()}]"


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
