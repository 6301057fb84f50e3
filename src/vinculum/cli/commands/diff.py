"""`borg diff`: what has changed between two archives."""

from __future__ import annotations

import sys

from vinculum.cli import locations, option_actions, option_groups, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.archive.archive import ArchiveMetadata
    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Show what has changed between two archives."
OPERANDS = "REPO::ARCHIVE1 ARCHIVE2 [PATH ...]"
FIRST_ARCHIVE = locations.LocationRule("REPO::ARCHIVE1", archive=True, required=True)


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    option_groups.add_old_flag(parser, "--numeric-owner", "numeric_ids", "--numeric-ids")
    add("--numeric-ids", action="store_true", help="accepted for Borg's sake; owners are compared by name all the same")
    add("--same-chunker-params", action="store_true", help="take it for granted that both archives were cut alike")
    option_groups.add_old_flag(parser, "--sort", "sort", "--sort-by=path")
    add(
        "--sort-by",
        metavar="FIELDS",
        type=option_types.diff_sort_fields,
        action=option_actions.OnlyOnce,
        default=(),
        help="sort by a list of fields, see below; > before a field is for descending, < for ascending order",
    )
    add("--content-only", action="store_true", help="compare content only, not owners, modes and times")
    add("--json-lines", action="store_true", help="print one JSON object per changed path")
    parser.add_location(FIRST_ARCHIVE, "the first archive")
    parser.add_argument(
        "archive2", metavar="ARCHIVE2", type=option_types.archive_name, help="the second one, from the same repository"
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", type=option_types.path, help="what to compare; may be patterns")
    option_groups.add_exclusion(parser)


def run(args: argparse.Namespace, session: Session) -> None:
    session.begin_unlocking()
    from vinculum._native import keep_idle
    from vinculum.archive.chunk_reader import ChunkReader
    from vinculum.archive.differences import Comparison
    from vinculum.archive.item_choice import ItemChoice
    from vinculum.archive.item_stream import IDLE_BYTES, read_windows
    from vinculum.cli.choosing import tell_never_matched, wanted_files
    from vinculum.operations.diff import differences
    from vinculum.operations.diff_order import in_order
    from vinculum.ui import diff_lines

    matcher = wanted_files(args)
    keep_idle(IDLE_BYTES)
    with session.open_archives("read") as opened:
        store, key = opened.store, opened.key
        archives = [session.load_archive(opened, name) for name in (args.location.archive, args.archive2)]
        choice = ItemChoice.by_patterns(matcher, with_parts=args.consider_part_files)
        old_items, new_items = (read_windows(store, key, archive.items, choice=choice) for archive in archives)
        comparison = Comparison(
            ChunkReader(store, key).fetch,
            by_ids=args.same_chunker_params or _cut_alike(archives[0], archives[1], session),
            content_only=args.content_only,
        )
        fields = args.sort_by or (("path",) if args.sort else ())
        render = diff_lines.json_line if args.json_lines else diff_lines.text_line
        for difference in in_order(differences(old_items, new_items, comparison, session.sink), fields):
            sys.stdout.write(render(difference))
    tell_never_matched(matcher, session.sink)


def _cut_alike(old: ArchiveMetadata, new: ArchiveMetadata, session: Session) -> bool:
    """Whether the same content has the same chunks in both archives; if not for certain, it is said why this takes long."""
    if old.chunker_params is None or new.chunker_params is None:
        session.sink.warning(
            "--chunker-params might be different between archives, diff will be slow.\n"
            "If you know for certain that they are the same, pass --same-chunker-params to override this check.",
            0,
        )
        return False
    alike = old.chunker_params == new.chunker_params
    if not alike:
        session.sink.warning("--chunker-params are different between archives, diff will be slow.", 0)
    return alike
