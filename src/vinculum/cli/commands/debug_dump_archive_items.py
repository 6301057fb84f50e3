"""`borg debug dump-archive-items`: write the chunks of an archive's item stream to files."""

from __future__ import annotations

from vinculum.cli import locations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Write the item stream of an archive to files, chunk by chunk."
OPERANDS = "ARCHIVE"


def add_arguments(parser: CommandParser) -> None:
    parser.add_location(locations.ARCHIVE, "the archive to look into")


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.archive.item_stream import ItemChunkReader
    from vinculum.cli.writing import write_objects

    with session.open_archives(None, may_bypass=False) as opened:
        archive = session.load_archive(opened, args.location.archive)
        windows = ItemChunkReader(opened.store, opened.key).read(archive.items)
        chunks = enumerate(chunk for window in windows for chunk in window)
        write_objects((f"{number:06d}_{chunk.id.hex()}.items", chunk.data) for number, chunk in chunks)
