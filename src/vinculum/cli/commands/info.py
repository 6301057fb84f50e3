"""`borg info`: facts about a repository or about archives."""

from __future__ import annotations

import shlex
import sys

from vinculum.cli import option_groups, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.archive.manifest import ArchiveEntry
    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import OpenCache, Session

SUMMARY = "Show sizes and other facts about a repository or archives."
OPERANDS = "[REPOSITORY_OR_ARCHIVE]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_location(option_types.REPOSITORY_OR_ARCHIVE, "what to show")
    option_groups.add_archive_filters(parser)


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli.choosing import filters_archives, wanted_archives

    with session.open_cache("read", exclusive=False) as opened:
        if args.location.archive:
            _show_archives(args, session, opened, [opened.manifest.archive(args.location.archive)])
        elif filters_archives(args):
            _show_archives(args, session, opened, wanted_archives(args).select(opened.manifest.archives.values()))
        else:
            _show_repository(args, session, opened)


def _show_repository(args: argparse.Namespace, session: Session, opened: OpenCache) -> None:
    from vinculum.cli.describing import describe_repository
    from vinculum.operations.info import repository_usage
    from vinculum.ui import json_documents, statistics_text

    usage = repository_usage(
        opened.store,
        opened.key,
        opened.cache.chunks,
        opened.manifest,
        session.workarounds,
        with_parts=args.consider_part_files,
    )
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
    from vinculum.cli.describing import describe_repository
    from vinculum.operations.info import repository_usage
    from vinculum.ui import json_documents, statistics_text

    usage = repository_usage(
        opened.store,
        opened.key,
        opened.cache.chunks,
        opened.manifest,
        session.workarounds,
        with_parts=args.consider_part_files,
    )
    if args.json:
        document = describe_repository(session, opened, cache=json_documents.cache_document(opened.cache.directory, usage))
        document["archives"] = [_archive_document(args, session, opened, entry) for entry in entries]
        sys.stdout.write(json_documents.dump(document, session.json_indent) + "\n")
        return
    table = statistics_text.repository_rows(usage, iec=args.iec)
    texts = ["\n".join([*_archive_lines(args, session, opened, entry), *table]) + "\n" for entry in entries]
    sys.stdout.write("\n".join(texts))


def _archive_document(args: argparse.Namespace, session: Session, opened: OpenCache, entry: ArchiveEntry) -> dict[str, object]:
    from vinculum.archive.archive import load_archive
    from vinculum.operations.info import archive_statistics
    from vinculum.ui.json_documents import archive_document

    archive = load_archive(opened.store, opened.key, entry, workarounds=session.workarounds)
    return archive_document(
        name=entry.name,
        archive_id=entry.id,
        start=archive.time,
        end=archive.time_end,
        command_line=archive.cmdline,
        statistics=archive_statistics(
            opened.store, opened.key, opened.cache.chunks, archive, with_parts=args.consider_part_files
        ),
        utilization=_utilization(opened, entry),
        details={
            "cwd": archive.cwd or "",
            "hostname": archive.hostname or "",
            "username": archive.username or "",
            "comment": archive.comment,
            "chunker_params": list(archive.chunker_params or ()) or "",
        },
    )


def _archive_lines(args: argparse.Namespace, session: Session, opened: OpenCache, entry: ArchiveEntry) -> list[str]:
    from vinculum.archive.archive import load_archive
    from vinculum.operations.info import archive_statistics
    from vinculum.ui import statistics_text
    from vinculum.ui.formatting import format_duration, format_moment
    from vinculum.ui.text import display_text

    archive = load_archive(opened.store, opened.key, entry, workarounds=session.workarounds)
    statistics = archive_statistics(opened.store, opened.key, opened.cache.chunks, archive, with_parts=args.consider_part_files)
    return [
        f"Archive name: {display_text(entry.name)}",
        f"Archive fingerprint: {entry.id.hex()}",
        f"Comment: {display_text(archive.comment)}",
        f"Hostname: {display_text(archive.hostname or '')}",
        f"Username: {display_text(archive.username or '')}",
        f"Time (start): {format_moment(archive.time)}",
        f"Time (end): {format_moment(archive.time_end)}",
        f"Duration: {format_duration((archive.time_end - archive.time).total_seconds())}",
        f"Number of files: {statistics.nfiles}",
        f"Working Directory: {display_text(archive.cwd or '')}",
        f"Command line: {display_text(shlex.join(archive.cmdline))}",
        f"Utilization of maximum supported archive size: {_utilization(opened, entry):.0%}",
        statistics_text.RULE,
        statistics_text.HEADER,
        statistics_text.archive_row(statistics, iec=args.iec),
    ]


def _utilization(opened: OpenCache, entry: ArchiveEntry) -> float:
    """How much of the largest possible archive object this archive's object takes."""
    from vinculum.objects.codec import MAX_DATA

    stored = opened.cache.chunks.get(entry.id)
    return (stored[2] if stored else 0) / MAX_DATA
