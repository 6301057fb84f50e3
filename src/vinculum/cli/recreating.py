"""What `borg recreate` does with its options: one archive, or all of a repository."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from vinculum.archive.archive_filter import ArchiveFilter
from vinculum.cli import interruption
from vinculum.cli.choosing import wanted_files
from vinculum.cli.describing import sizes_of
from vinculum.errors import CommandError, Error
from vinculum.operations.recreate.options import RecreateOptions, TagOptions
from vinculum.operations.recreate.recreate import SUFFIX, Recreated, Recreation
from vinculum.ui import statistics_text
from vinculum.ui.archive_description import ArchiveDescription

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.session import Session
    from vinculum.operations.opened import OpenCache

_SPEAKER = "helpers.misc"  # whose message the statistics are in Borg, which programs may see


def run(args: argparse.Namespace, session: Session) -> None:
    matcher = wanted_files(args)
    with session.open_cache("check") as opened, interruption.noted() as stop_requested:
        opened = opened.with_compression(args.compression)
        recreation = Recreation(
            opened, _options(args, session), matcher, session.sink, stop_requested, workarounds=session.workarounds
        )
        name = args.location.archive
        if name:
            if name.endswith(SUFFIX):
                raise CommandError(f"Refusing to work on temporary archive of prior recreate: {name}")
            if not _recreate(args, session, opened, recreation, name):
                raise CommandError(
                    "Nothing to do. Archive was not processed.\n"
                    "Specify at least one pattern, PATH, --comment, re-compression or re-chunking option."
                )
            return
        if args.target is not None:
            raise CommandError("--target: Need to specify single archive")
        for entry in ArchiveFilter().select(opened.manifest.archives.values()):
            if entry.name.endswith(SUFFIX):
                continue
            print("Processing", entry.name, flush=True)
            if not _recreate(args, session, opened, recreation, entry.name):
                session.sink.info(f"Skipped archive {entry.name}: Nothing to do. Archive was not processed.")
            if stop_requested():
                raise Error("Got Ctrl-C / SIGINT.")


def _recreate(args: argparse.Namespace, session: Session, opened: OpenCache, recreation: Recreation, name: str) -> bool:
    """Recreates one archive; False if there is nothing to do."""
    recreated = recreation.recreate(opened.manifest.archive(name))
    if isinstance(recreated, Recreated) and args.stats:
        _report(args, session, opened, recreated)
    return recreated is not False


def _options(args: argparse.Namespace, session: Session) -> RecreateOptions:
    surroundings = session.surroundings
    tag_names = frozenset(os.fsencode(name) for name in args.exclude_if_present or ())
    return RecreateOptions(
        recompress=args.recompress,
        chunker_params=args.chunker_params,
        comment=args.comment,
        timestamp=args.timestamp,
        target=args.target,
        tags=TagOptions(args.exclude_caches, tag_names, args.keep_exclude_tags),
        checkpoint_interval_s=args.checkpoint_interval,
        cmdline=tuple(os.fsencode(word) for word in sys.argv),
        hostname=surroundings.hostname(),
        username=surroundings.username(),
        dry_run=args.dry_run,
    )


def _report(args: argparse.Namespace, session: Session, opened: OpenCache, recreated: Recreated) -> None:
    """Statistics of a new archive. As in Borg they are mere information, and --iec is not for the archive's own sizes."""
    saved, statistics = recreated.saved, recreated.statistics
    usage = sizes_of(args, session, opened).of_repository()
    times = recreated.begun, datetime.now(UTC)
    archive = ArchiveDescription(saved.metadata, saved.id, statistics, saved.stored_size, times)
    lines = [
        *archive.facts(session.canonical_location),
        statistics_text.archive_row(statistics, iec=False),
        *statistics_text.repository_rows(usage, iec=args.iec),
        statistics_text.RULE,
    ]
    for line in lines:
        session.sink.info(line, _SPEAKER)
