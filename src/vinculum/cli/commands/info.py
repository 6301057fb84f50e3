"""`borg info`: facts about a repository or about archives."""

from __future__ import annotations

import sys

from vinculum.cli import locations, option_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.archive.manifest import ArchiveEntry
    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.operations.info import Sizes
    from vinculum.operations.opened import OpenCache
    from vinculum.ui.archive_description import ArchiveDescription

SUMMARY = "Show sizes and other facts about a repository or archives."
OPERANDS = "[REPOSITORY_OR_ARCHIVE]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_location(locations.REPOSITORY_OR_ARCHIVE, "what to show")
    option_groups.add_archive_filters(parser)


def run(args: argparse.Namespace, session: Session) -> None:
    session.begin_unlocking()
    from vinculum.cli.choosing import filters_archives, wanted_archives

    with session.open_cache("read", exclusive=False) as opened:
        if args.location.archive:
            _show_archives(args, session, opened, [opened.manifest.archive(args.location.archive)])
        elif filters_archives(args):
            _show_archives(args, session, opened, wanted_archives(args).select(opened.manifest.archives.values()))
        else:
            _show_repository(args, session, opened)


def _show_repository(args: argparse.Namespace, session: Session, opened: OpenCache) -> None:
    from vinculum.cli.describing import describe_repository, sizes_of
    from vinculum.ui import json_documents, statistics_text

    usage = sizes_of(args, session, opened).of_repository()
    key = opened.key
    if args.json:
        document = describe_repository(session, opened, cache=json_documents.cache_document(opened.cache.directory, usage))
        document["security_dir"] = opened.cache.record.directory
        sys.stdout.write(json_documents.dump(document, session.json_indent) + "\n")
        return
    encrypted = f"Yes ({key.mode.label})" if key.encrypts else "No"
    lines = [
        f"Repository ID: {opened.store.id.hex()}",
        f"Location: {session.canonical_location}",
        f"Encrypted: {encrypted}",
        *([f"Key file: {key.key_file}"] if key.key_file else []),
        f"Cache: {opened.cache.directory}",
        f"Security dir: {opened.cache.record.directory}",
        statistics_text.RULE,
        statistics_text.HEADER,
        *statistics_text.repository_rows(usage, iec=args.iec),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _show_archives(args: argparse.Namespace, session: Session, opened: OpenCache, entries: list[ArchiveEntry]) -> None:
    from vinculum.cli.describing import describe_repository, sizes_of
    from vinculum.ui import json_documents, statistics_text

    sizes = sizes_of(args, session, opened)
    usage = sizes.of_repository()
    archives = (_describe(session, opened, sizes, entry) for entry in entries)
    if args.json:
        document = describe_repository(session, opened, cache=json_documents.cache_document(opened.cache.directory, usage))
        document["archives"] = [archive.full_document() for archive in archives]
        sys.stdout.write(json_documents.dump(document, session.json_indent) + "\n")
        return
    table = statistics_text.repository_rows(usage, iec=args.iec)
    sys.stdout.write("\n".join("\n".join([*archive.full_text(iec=args.iec), *table]) + "\n" for archive in archives))


def _describe(session: Session, opened: OpenCache, sizes: Sizes, entry: ArchiveEntry) -> ArchiveDescription:
    from vinculum.archive.archive import load_archive
    from vinculum.ui.archive_description import ArchiveDescription

    archive = load_archive(opened.store, opened.key, entry, workarounds=session.workarounds)
    stored = opened.cache.chunks.get(entry.id)
    return ArchiveDescription(archive, entry.id, sizes.of_archive(archive, entry.id), stored[2] if stored else 0)
