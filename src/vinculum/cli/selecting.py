"""From the options of `extract` and `export-tar` to what they take out of an archive."""

from __future__ import annotations

from vinculum.archive.item_stream import read_windows
from vinculum.operations.extract.selection import Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from vinculum._native import ItemWindow
    from vinculum.archive.item_choice import ItemChoice
    from vinculum.archive.patterns import PatternMatcher
    from vinculum.cli.session import Session
    from vinculum.operations.opened import OpenArchives


def selected_items(args: argparse.Namespace, session: Session, opened: OpenArchives, matcher: PatternMatcher) -> Selection:
    """The items of the archive in `args` that are wanted. ArchiveDoesNotExist, and what `load_archive` raises."""
    archive = session.load_archive(opened, args.location.archive)

    def read(choice: ItemChoice) -> Iterator[ItemWindow]:
        return read_windows(opened.store, opened.key, archive.items, choice=choice)

    return Selection(matcher, read, args.strip_components, with_parts=args.consider_part_files)
