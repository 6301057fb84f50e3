"""What JSON documents say about the repository that a session has open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vinculum.formats.times import parse_timestamp
from vinculum.ui.json_documents import repository_document

if TYPE_CHECKING:
    from vinculum.cli.session import OpenArchives, Session


def describe_repository(session: Session, opened: OpenArchives, cache: dict[str, object] | None = None) -> dict[str, object]:
    return repository_document(
        repository_id=opened.store.id,
        location=session.canonical_location,
        last_modified=parse_timestamp(opened.manifest.timestamp),
        mode=opened.key.name,
        keyfile=opened.key.key_file,
        cache=cache,
    )
