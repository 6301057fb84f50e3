"""`borg export-tar`: write an archive as a tar."""

from __future__ import annotations

from vinculum.cli import locations, option_groups, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Write the files of an archive as a tar."
OPERANDS = "ARCHIVE FILE [PATH ...]"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--tar-filter", metavar="COMMAND", default="auto", help="program that the tar goes through (default: by name of FILE)")
    add("--list", dest="output_list", action="store_true", help="list files as they are written")
    option_groups.add_strip_components(option_groups.add_exclusion(parser))
    parser.add_location(locations.ARCHIVE, "the archive to export")
    add("tarfile", metavar="FILE", help='the tar to write, "-" for stdout')
    add("paths", metavar="PATH", nargs="*", type=option_types.path, help="what to export; may be patterns")


def run(args: argparse.Namespace, session: Session) -> None:
    session.begin_unlocking()
    from vinculum.archive.chunk_reader import ChunkReader
    from vinculum.cli import tar_streams
    from vinculum.cli.choosing import tell_never_matched, wanted_files
    from vinculum.cli.selecting import selected_items
    from vinculum.operations.export_tar import TarExporter

    matcher = wanted_files(args)
    with session.open_archives("read") as opened:
        selection = selected_items(args, session, opened, matcher)
        command = tar_streams.filter_command(args.tar_filter, args.tarfile, decompress=False)
        with tar_streams.written(args.tarfile, command) as output:
            exporter = TarExporter(ChunkReader(opened.store, opened.key), selection, session.sink, output)
            if args.progress:
                session.sink.progress("export-tar", 0, 0, "")
                exporter.total_bytes = selection.total_bytes()
            exporter.export()
    tell_never_matched(matcher, session.sink)
