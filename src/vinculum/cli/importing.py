"""What `borg import-tar` does with its options: one tar in, one archive out, statistics for whoever asked."""

from __future__ import annotations

import os
import sys

from vinculum import _native
from vinculum.cli import creating, interruption, tar_streams
from vinculum.operations.create.options import CreateOptions
from vinculum.operations.import_tar import TarImport

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.session import Session


def run(args: argparse.Namespace, session: Session) -> None:
    with session.open_cache("write") as opened, interruption.noted() as stop_requested:
        opened = opened.with_compression(args.compression)
        importing = TarImport(opened, _options(args, session), session.sink, stop_requested)
        command = tar_streams.filter_command(args.tar_filter, args.tarfile, decompress=True)
        # The filter has to end well before anything is saved: what it did not finish is no archive.
        with tar_streams.read(args.tarfile, command) as stream:
            importing.add(stream, ignore_zeros=args.ignore_zeros)
        saved = importing.save()
        if args.json or args.stats or args.quick_stats:
            creating.report(args, session, opened, saved, importing.statistics)


def _options(args: argparse.Namespace, session: Session) -> CreateOptions:
    surroundings = session.surroundings
    return CreateOptions(
        name=args.location.archive,
        item_options=_native.ItemOptions(),
        chunker_params=args.chunker_params,
        comment=args.comment,
        timestamp=args.timestamp,
        checkpoint_interval_s=args.checkpoint_interval,
        cmdline=tuple(os.fsencode(word) for word in sys.argv),
        hostname=surroundings.hostname(),
        username=surroundings.username(),
    )
