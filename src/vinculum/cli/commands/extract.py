"""`borg extract`: restore files from an archive into the current directory."""

from __future__ import annotations

from vinculum.cli import locations, option_groups, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Restore files from an archive into the current directory."
OPERANDS = "ARCHIVE [PATH ...]"


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
    from vinculum.cli import in_place
    from vinculum.cli.choosing import tell_never_matched, wanted_files
    from vinculum.cli.restoring import options_of, restore
    from vinculum.cli.selecting import selected_items

    in_place.check_options(args)
    sink = session.sink
    matcher = wanted_files(args)
    options = options_of(args)
    with session.open_archives("read") as opened:
        selection = selected_items(args, session, opened, matcher)
        target = in_place.root(args)
        deleted = in_place.delete_surplus(target, selection, sink, dry_run=args.dry_run) if args.delete else 0
        with in_place.looked_at(target, options, opened.key.hasher, args) as present:
            extractor = restore(args, session, opened, selection, options, target, present)
    tell_never_matched(matcher, sink)
    if args.stats and extractor is not None:
        in_place.tell_statistics(extractor, deleted, sink, iec=args.iec)
    sink.sum_up("restore")
