"""What `extract` does beyond Borg: going on with a restore, and making a directory what an archive says.

What only that takes is imported where it is used, so that other restores begin sooner.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from vinculum.errors import CommandError, RuntimeTrouble
from vinculum.ui.formatting import format_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from vinculum._native import IdHasher
    from vinculum.events import Sink
    from vinculum.operations.extract.extract import Extractor
    from vinculum.operations.extract.options import ExtractOptions
    from vinculum.operations.extract.present import Present
    from vinculum.operations.extract.selection import Selection


def check_options(args: argparse.Namespace) -> None:
    """CommandError if what is asked for contradicts itself, or could delete what nobody meant."""
    if args.stdout and (args.goes_on or args.into is not None):
        raise CommandError("--stdout goes neither with --continue nor with --into.")
    if args.into is None and (args.delete or args.stats or args.compare):
        raise CommandError("--compare, --delete and --stats take --into.")
    if args.delete and (args.paths or args.pattern_sources):
        raise CommandError("--delete takes a whole archive: it goes neither with paths nor with patterns.")


def root(args: argparse.Namespace) -> bytes:
    """The directory that files come into."""
    if args.into is None:
        return os.getcwdb()
    if not os.path.isdir(args.into):
        raise RuntimeTrouble(f"{args.into}: there is no such directory.")
    return os.path.abspath(os.fsencode(args.into))


@contextmanager
def looked_at(target: bytes, options: ExtractOptions, hasher: IdHasher, args: argparse.Namespace) -> Iterator[Present | None]:
    """What knows which files need not be written, if that matters."""
    if args.into is None and not args.goes_on:
        yield None
        return
    from vinculum.operations.extract.in_place import InPlace
    from vinculum.operations.extract.present import Present

    if args.into is None:
        present = Present(target, with_flags=options.flags)
    else:
        present = InPlace(target, options, hasher, compares_content=args.compare == "content")
    try:
        yield present
    finally:
        present.close()


def delete_surplus(target: bytes, selection: Selection, sink: Sink, *, dry_run: bool) -> int:
    """Deletes what the archive has not; returns how much that was."""
    from vinculum.operations.extract.surplus import Surplus, with_parents

    keep = with_parents(selection.paths())
    if not keep:
        raise RuntimeTrouble("Nothing would be restored, so nothing is deleted either.")
    surplus = Surplus(target, keep, sink, dry_run=dry_run)
    surplus.delete()
    return surplus.count


def tell_statistics(extractor: Extractor, deleted: int, sink: Sink, *, iec: bool) -> None:
    written = format_size(extractor.written_bytes, iec=iec)
    sink.info(f"As archived already: {extractor.left_alone} files", "stats")
    sink.info(f"Written: {extractor.written_files} files, {written}", "stats")
    sink.info(f"Deleted: {deleted} files and directories", "stats")
