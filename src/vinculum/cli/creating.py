"""What `borg create` does with its options: sources in, one archive out, statistics for whoever asked."""

from __future__ import annotations

import os
import sys
from itertools import groupby

from vinculum import _native
from vinculum.archive.patterns import PatternMatcher
from vinculum.cli import child, interruption
from vinculum.cli.choosing import collect_patterns
from vinculum.cli.describing import describe_repository, sizes_of
from vinculum.operations.create.create import Creation, read_separated
from vinculum.operations.create.expectation import expected_bytes
from vinculum.operations.create.options import CreateOptions, StandardInput
from vinculum.operations.create.rehearsal import Rehearsal
from vinculum.operations.create.walk import WalkRules
from vinculum.ui import json_documents, statistics_text
from vinculum.ui.archive_description import ArchiveDescription

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from contextlib import AbstractContextManager

    from vinculum.archive.statistics import RepositoryUsage, Statistics
    from vinculum.cli.session import Session
    from vinculum.operations.create.writer import SavedArchive
    from vinculum.operations.opened import OpenAnyCache


def run(args: argparse.Namespace, session: Session) -> None:
    patterns = collect_patterns(args)
    _check_sources(args, patterns.roots)
    matcher = PatternMatcher()
    matcher.add(patterns.patterns)
    rules = WalkRules(
        matcher,
        one_file_system=args.one_file_system,
        exclude_caches=args.exclude_caches,
        exclude_if_present=tuple(os.fsencode(name) for name in args.exclude_if_present or ()),
        keep_exclude_tags=args.keep_exclude_tags,
        exclude_nodump=args.exclude_nodump,
        asks_attributes=not args.dry_run and not (args.noxattrs and args.noacls),
    )
    session.sink.info(f'Creating archive at "{args.location.given}"')
    if args.dry_run:
        if args.stats or args.quick_stats:
            session.sink.warning("There are no statistics of a dry run.", 0)
        with session.open_archives("write", exclusive=True):
            _feed(args, Rehearsal(session.sink), patterns.roots, rules, skip=session.own_places())
        session.sink.sum_up("backup")
        return
    with (
        _open(args, session) as opened,
        interruption.noted() as stop_requested,
    ):
        options = _options(args, session)
        if session.sink.estimates:
            session.sink.expected_bytes = expected_bytes(opened, args.paths, options.hostname)
        creation = Creation(opened.with_compression(args.compression), options, session.sink, stop_requested)
        _feed(args, creation, patterns.roots, rules, skip=session.own_places())
        saved = creation.save()
        if args.json or args.stats or args.quick_stats:
            report(args, session, opened, saved, creation.statistics)
    session.sink.sum_up("backup")


def _open(args: argparse.Namespace, session: Session) -> AbstractContextManager[OpenAnyCache]:
    door = session.open_any_cache if args.no_cache_sync else session.open_cache
    return door("write", files_cache_mode=args.files_cache_mode)


def _check_sources(args: argparse.Namespace, sources: list[str]) -> None:
    """Ends the program unless there is exactly one kind of source."""
    from_command = args.content_from_command or args.paths_from_command
    if from_command and not args.paths:
        args.complain("a command must follow")
    if args.paths_from_stdin and sources:
        args.complain("--paths-from-stdin excludes PATH arguments")
    if not from_command and not args.paths_from_stdin and not sources:
        args.complain("nothing to back up, give at least one PATH")


def _options(args: argparse.Namespace, session: Session) -> CreateOptions:
    surroundings = session.surroundings
    return CreateOptions(
        name=args.location.archive,
        item_options=_native.ItemOptions(
            numeric_ids=args.numeric_ids,
            atime=args.atime,
            ctime=not args.noctime,
            birthtime=not args.nobirthtime,
            flags=not args.noflags,
            acls=not args.noacls,
            xattrs=not args.noxattrs,
            read_special=args.read_special,
            files_changed=args.files_changed,
            sparse=args.sparse,
        ),
        chunker_params=args.chunker_params,
        sparse=args.sparse,
        comment=args.comment,
        timestamp=args.timestamp,
        checkpoint_interval_s=args.checkpoint_interval,
        standard_input=StandardInput(os.fsencode(args.stdin_name), args.stdin_user, args.stdin_group, args.stdin_mode),
        cmdline=tuple(os.fsencode(word) for word in sys.argv),
        hostname=surroundings.hostname(),
        username=surroundings.username(),
        threads=session.threads,
        reads_all_because=_why_everything_is_read(args),
    )


def _why_everything_is_read(args: argparse.Namespace) -> str:
    """For --debug-topic, in Borg's words; empty if the files cache is asked."""
    if args.no_cache_sync:
        return "files cache not implemented"
    if "d" in args.files_cache_mode:
        return "files cache disabled"
    return "rechunking enforced" if "r" in args.files_cache_mode else ""


def _feed(
    args: argparse.Namespace, creation: Creation | Rehearsal, sources: list[str], rules: WalkRules, skip: set[tuple[int, int]]
) -> None:
    """Hands every source over, in the order of the command line."""
    standard_input = StandardInput(os.fsencode(args.stdin_name), args.stdin_user, args.stdin_group, args.stdin_mode)
    if args.content_from_command and args.dry_run:
        creation.add_pipe(-1, standard_input)  # nobody knows what running the command would do
    elif args.content_from_command:
        with child.output_of(args.paths) as output:
            creation.add_pipe(output.fileno(), standard_input)
    elif args.paths_from_command or args.paths_from_stdin:
        delimiter = _delimiter(args.paths_delimiter)
        if args.paths_from_command:
            with child.output_of(args.paths) as output:
                creation.add_paths(read_separated(child.blocks(output), delimiter))
        else:
            creation.add_paths(read_separated(child.blocks(sys.stdin.buffer), delimiter))
    else:
        walker = creation.walker(rules, skip)
        for is_pipe, group in groupby(sources, lambda source: source == "-"):
            if is_pipe:
                for _ in group:
                    creation.add_pipe(sys.stdin.fileno(), standard_input)
            else:
                creation.add_trees(walker, [os.fsencode(source) for source in group])


def _delimiter(text: str | None) -> bytes:
    r"""The bytes that separate paths; escapes such as \0 and \n are understood."""
    if not text:
        return b"\n"
    return os.fsencode(text.encode("ascii", "backslashreplace").decode("unicode-escape"))


def report(
    args: argparse.Namespace,
    session: Session,
    opened: OpenAnyCache,
    saved: SavedArchive,
    statistics: Statistics,
) -> None:
    """Statistics of what was just made, as text or JSON."""
    usage = None if args.quick_stats else sizes_of(args, session, opened).of_repository()
    if args.consider_part_files:
        statistics = statistics.including_parts()
    archive = ArchiveDescription(saved.metadata, saved.id, statistics, saved.stored_size)
    if args.json:
        cache = json_documents.cache_document(opened.cache.directory, usage) if usage else None
        document = {**describe_repository(session, opened, cache=cache), "archive": archive.document()}
        sys.stdout.write(json_documents.dump(document, session.json_indent) + "\n")
        return
    lines = [
        *archive.summary(session.canonical_location, iec=args.iec),
        *(_repository_rows(usage, opened, iec=args.iec) if usage else []),
        statistics_text.RULE,
    ]
    for line in lines:
        session.sink.info(line, "stats")


def _repository_rows(usage: RepositoryUsage, opened: OpenAnyCache, *, iec: bool) -> list[str]:
    if opened.cache.directory is None:
        return statistics_text.unknown_repository_rows(usage)
    return statistics_text.repository_rows(usage, iec=iec)
