"""From the options that choose files and archives to the objects that do the choosing."""

from __future__ import annotations

import os

from vinculum import warning_codes
from vinculum.archive.archive_filter import ArchiveFilter
from vinculum.archive.pattern_files import PatternCollector
from vinculum.archive.patterns import INCLUDE, PatternMatcher, parse_pattern
from vinculum.errors import CommandError, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.events import Sink


def collect_patterns(args: argparse.Namespace) -> PatternCollector:
    """The patterns and roots of the include and exclude options, in their order. Error if one is malformed."""
    collector = PatternCollector()
    takers = {"exclude": collector.add_exclude, "pattern": collector.add_command, "root": collector.add_root}
    file_takers = {"exclude-from": collector.add_excludes, "patterns-from": collector.add_commands}
    for option, text in args.pattern_sources:
        try:
            if option in takers:
                takers[option](text)
            else:
                # Paths are bytes; what is not UTF-8 in a pattern file must survive.
                with open(text, encoding="utf-8", errors="surrogateescape") as lines:
                    file_takers[option](lines)
        except (OSError, ValueError) as error:
            kind = CommandError if option == "pattern" else Error  # so are Borg's exit codes
            raise kind(f"--{option}: {error}") from None
    return collector


def wanted_files(args: argparse.Namespace) -> PatternMatcher:
    """What the patterns, their roots and the PATH operands of `list` and `extract` choose."""
    collected = collect_patterns(args)
    matcher = PatternMatcher()
    matcher.add(collected.patterns)
    try:
        matcher.add_wanted_paths([parse_pattern(path, "pp", INCLUDE) for path in (*args.paths, *collected.roots)])
    except ValueError as error:
        raise CommandError(str(error)) from None
    return matcher


def tell_never_matched(matcher: PatternMatcher, sink: Sink) -> None:
    """Warns of operands that matched nothing."""
    for text in matcher.never_matched():
        sink.warning(f"Include pattern '{text}' never matched.", warning_codes.NEVER_MATCHED, path=os.fsencode(text))


def wanted_archives(args: argparse.Namespace, *, consider_checkpoints: bool = True) -> ArchiveFilter:
    """What the archive filter options choose."""
    glob = f"{args.prefix}*" if args.prefix is not None else args.glob_archives
    return ArchiveFilter(glob, args.sort_by, args.first, args.last, consider_checkpoints)


def filters_archives(args: argparse.Namespace) -> bool:
    """True if an archive filter option was used."""
    return bool(args.first or args.last or args.prefix is not None or args.glob_archives)
