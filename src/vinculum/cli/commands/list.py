"""`borg list`: the archives of a repository, or the files in an archive."""

from __future__ import annotations

import sys

from vinculum.cli import locations, option_groups, option_types
from vinculum.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum._native import ChunkIndex
    from vinculum.archive.patterns import PatternMatcher
    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.operations.opened import OpenArchives

SUMMARY = "List the archives of a repository, or the files in an archive."
OPERANDS = "[REPOSITORY_OR_ARCHIVE] [PATH ...]"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--consider-checkpoints", action="store_true", help="list checkpoint archives too")
    add("--short", action="store_true", help="print names only")
    add("--format", metavar="FORMAT", help="how to print each archive or file, see below")
    add("--json", action="store_true", help="list a repository as JSON; keys used in FORMAT are added")
    add("--json-lines", action="store_true", help="list an archive as one JSON object per file; keys used in FORMAT are added")
    parser.add_location(locations.REPOSITORY_OR_ARCHIVE, "what to list")
    parser.add_argument("paths", metavar="PATH", nargs="*", type=option_types.path, help="files to list; may be patterns")
    option_groups.add_archive_filters(parser)
    option_groups.add_exclusion(parser)


def run(args: argparse.Namespace, session: Session) -> None:
    session.begin_unlocking()
    if args.location.archive:
        if args.json:
            raise CommandError("The --json option is only valid for listing archives, not archive contents.")
        _list_archive(args, session)
    else:
        if args.json_lines:
            raise CommandError("The --json-lines option is only valid for listing archive contents, not archives.")
        _list_repository(args, session)


def _list_repository(args: argparse.Namespace, session: Session) -> None:
    from vinculum.archive.archive import load_archives
    from vinculum.cli.choosing import wanted_archives
    from vinculum.cli.describing import describe_repository
    from vinculum.ui import archive_keys, json_documents

    format_text = args.format
    if format_text is None:
        format_text = archive_keys.SHORT_FORMAT if args.short else archive_keys.DEFAULT_FORMAT
    with session.open_archives("read") as opened:
        formatter = archive_keys.ArchiveFormatter(
            format_text,
            lambda entries: load_archives(opened.store, opened.key, entries, workarounds=session.workarounds),
            for_json=args.json,
        )
        chosen = wanted_archives(args, consider_checkpoints=args.consider_checkpoints).select(opened.manifest.archives.values())
        if args.json:
            document = {**describe_repository(session, opened), "archives": list(formatter.json_objects(chosen))}
            sys.stdout.write(json_documents.dump(document, session.json_indent) + "\n")
        else:
            sys.stdout.writelines(formatter.lines(chosen))


def _list_archive(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli.choosing import wanted_files
    from vinculum.ui import item_keys
    from vinculum.ui.templates import Template

    format_text = args.format
    if format_text is None:
        format_text = item_keys.SHORT_FORMAT if args.short else item_keys.DEFAULT_FORMAT
    matcher = wanted_files(args)
    if Template(format_text, item_keys.ITEM_KEYS, only_chooses=args.json_lines).keys & item_keys.KEYS_NEEDING_INDEX:
        with session.open_cache("read") as opened:
            _print_items(args, session, opened, opened.cache.chunks, format_text, matcher)
    else:
        with session.open_archives("read") as archives:
            _print_items(args, session, archives, None, format_text, matcher)


def _print_items(
    args: argparse.Namespace,
    session: Session,
    opened: OpenArchives,
    index: ChunkIndex | None,
    format_text: str,
    matcher: PatternMatcher,
) -> None:
    from vinculum._native import keep_idle
    from vinculum.archive.chunk_reader import ChunkReader
    from vinculum.archive.item_choice import ItemChoice
    from vinculum.archive.item_stream import IDLE_BYTES, read_windows
    from vinculum.ui.item_keys import ItemFormatter

    entry = opened.manifest.archive(args.location.archive)
    archive = session.load_archive(opened, args.location.archive)
    formatter = ItemFormatter(
        format_text,
        archive_name=entry.name,
        archive_id=entry.id,
        fetch=ChunkReader(opened.store, opened.key).fetch,
        index=index,
        for_json=args.json_lines,
    )
    keep_idle(IDLE_BYTES)
    choice = ItemChoice.by_patterns(matcher, with_parts=args.consider_part_files)
    wanted = read_windows(opened.store, opened.key, archive.items, choice=choice)
    sys.stdout.writelines(formatter.json_lines(wanted) if args.json_lines else formatter.lines(wanted))
