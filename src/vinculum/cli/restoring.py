"""What `extract` does with a selection: restores it, writes it to stdout, or rehearses that."""

from __future__ import annotations

import sys

from vinculum.archive.chunk_reader import ChunkReader
from vinculum.operations.extract.extract import Extractor
from vinculum.operations.extract.options import ExtractOptions
from vinculum.operations.extract.rehearsal import Rehearsal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.session import Session
    from vinculum.operations.extract.present import Present
    from vinculum.operations.extract.selection import Selection
    from vinculum.operations.opened import OpenArchives


def options_of(args: argparse.Namespace) -> ExtractOptions:
    """How items are to be restored."""
    return ExtractOptions(
        dry_run=args.dry_run,
        numeric_ids=args.numeric_ids,
        flags=not args.noflags,
        acls=not args.noacls,
        xattrs=not args.noxattrs,
        sparse=args.sparse,
    )


def restore(
    args: argparse.Namespace,
    session: Session,
    opened: OpenArchives,
    selection: Selection,
    options: ExtractOptions,
    target: bytes,
    present: Present | None,
) -> Extractor | None:
    """Restores below `target` what is selected and not `present`; returns what has done it, None for a rehearsal."""
    sink = session.sink
    source = ChunkReader(opened.store, opened.key)
    total_bytes: int | None = None
    if args.progress:
        sink.progress("extract", 0, 0, "")
        total_bytes = selection.total_bytes()
    if options.dry_run and present is None:
        Rehearsal(source, target, selection, sink, total_bytes).extract()
        return None
    output = sys.stdout.buffer if args.stdout else None
    extractor = Extractor(source, target, selection, options, sink, output, present, total_bytes)
    extractor.extract()
    return extractor
