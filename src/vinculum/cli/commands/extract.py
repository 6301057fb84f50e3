"""`borg extract`: restore files from an archive into the current directory."""

from __future__ import annotations

import sys

from vinculum.cli import locations, option_groups, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from vinculum._native import ItemWindow
    from vinculum.archive.item_choice import ItemChoice
    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Restore files from an archive into the current directory."
OPERANDS = "ARCHIVE [PATH ...]"
# Three windows of content are under way at a time; what lies idle beside them need not hold as much again.
_IDLE_BYTES = 48 << 20


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--list", dest="output_list", action="store_true", help="list files as they are restored")
    add("-n", "--dry-run", action="store_true", help="read everything, but write nothing")
    option_groups.add_old_flag(parser, "--numeric-owner", "numeric_ids", "--numeric-ids")
    add("--numeric-ids", action="store_true", help="go by user and group ids, not by names")
    option_groups.add_old_flag(parser, "--nobsdflags", "noflags", "--noflags")
    add("--noflags", action="store_true", help="do not restore file flags such as NODUMP and IMMUTABLE")
    add("--noacls", action="store_true", help="do not restore ACLs")
    add("--noxattrs", action="store_true", help="do not restore extended attributes")
    add("--stdout", action="store_true", help="write the content of all files to stdout instead")
    add(
        "--continue",
        dest="goes_on",
        action="store_true",
        help="go on with an interrupted restore: leave alone what it finished",
    )
    add("--into", metavar="DIR", help="make DIR what the archive says: write only what differs there")
    add(
        "--compare",
        metavar="WHAT",
        choices=("time", "content"),
        help="with --into: go by size and time (default), or read the files",
    )
    add("--delete", action="store_true", help="with --into: delete what DIR has and the archive has not")
    add("--stats", action="store_true", help="with --into: tell at the end what was done")
    add("--sparse", action="store_true", help="leave holes where the data are all zeros")
    option_groups.add_strip_components(option_groups.add_exclusion(parser))
    parser.add_location(locations.ARCHIVE, "the archive to restore from")
    parser.add_argument("paths", metavar="PATH", nargs="*", type=option_types.path, help="what to restore; may be patterns")


def run(args: argparse.Namespace, session: Session) -> None:
    session.begin_unlocking()
    from vinculum._native import keep_idle
    from vinculum.archive.chunk_reader import ChunkReader
    from vinculum.archive.item_stream import read_windows
    from vinculum.cli import in_place
    from vinculum.cli.choosing import tell_never_matched, wanted_files
    from vinculum.operations.extract.extract import Extractor
    from vinculum.operations.extract.options import ExtractOptions
    from vinculum.operations.extract.rehearsal import Rehearsal
    from vinculum.operations.extract.selection import Selection

    in_place.check_options(args)
    keep_idle(_IDLE_BYTES)
    sink = session.sink
    matcher = wanted_files(args)
    options = ExtractOptions(
        dry_run=args.dry_run,
        numeric_ids=args.numeric_ids,
        flags=not args.noflags,
        acls=not args.noacls,
        xattrs=not args.noxattrs,
        sparse=args.sparse,
    )
    with session.open_archives("read") as opened:
        store, key = opened.store, opened.key
        archive = session.load_archive(opened, args.location.archive)

        def read(choice: ItemChoice) -> Iterator[ItemWindow]:
            return read_windows(store, key, archive.items, choice=choice)

        selection = Selection(matcher, read, args.strip_components, with_parts=args.consider_part_files)
        target = in_place.root(args)
        deleted = in_place.delete_surplus(target, selection, sink, dry_run=args.dry_run) if args.delete else 0
        output = sys.stdout.buffer if args.stdout else None
        with in_place.looked_at(target, options, key.hasher, args) as present:
            source = ChunkReader(store, key)
            total_bytes: int | None = None
            if args.progress:
                sink.progress("extract", 0, 0, "")
                total_bytes = selection.total_bytes()
            extractor: Extractor | None = None
            if options.dry_run and present is None:
                Rehearsal(source, target, selection, sink, total_bytes).extract()
            else:
                extractor = Extractor(source, target, selection, options, sink, output, present, total_bytes)
                extractor.extract()
    tell_never_matched(matcher, sink)
    if args.stats and extractor is not None:
        in_place.tell_statistics(extractor, deleted, sink, iec=args.iec)
    sink.sum_up("restore")
