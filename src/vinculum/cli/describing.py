"""Facts about what a session has open: sizes, and what JSON documents say about the repository."""

from __future__ import annotations

from vinculum.formats.times import parse_timestamp
from vinculum.ui.json_documents import repository_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.session import Session
    from vinculum.operations.info import Sizes
    from vinculum.operations.opened import OpenAnyCache, OpenArchives


def describe_repository(session: Session, opened: OpenArchives, cache: dict[str, object] | None = None) -> dict[str, object]:
    return repository_document(
        repository_id=opened.store.id,
        location=session.canonical_location,
        last_modified=parse_timestamp(opened.manifest.timestamp),
        mode=opened.key.name,
        keyfile=opened.key.key_file,
        cache=cache,
    )


def sizes_of(args: argparse.Namespace, session: Session, opened: OpenAnyCache) -> Sizes:
    """What knows sizes of archives and repository, counting as the options want it."""
    from vinculum.operations.info import Sizes  # `list` does without

    return Sizes(opened, session.sink, workarounds=session.workarounds, with_parts=args.consider_part_files)
