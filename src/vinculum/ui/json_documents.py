"""The JSON documents that commands print with `--json`: Borg's keys, sorted."""

from __future__ import annotations

import json

from vinculum.ui.formatting import format_moment_iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from vinculum.archive.statistics import RepositoryUsage


def dump(document: object, indent: int | str | None = 4) -> str:
    return json.dumps(document, sort_keys=True, indent=indent)


def repository_document(
    *,
    repository_id: bytes,
    location: str,
    last_modified: datetime,
    mode: str,
    keyfile: str | None,
    cache: dict[str, object] | None = None,
) -> dict[str, object]:
    """What every document says about the repository."""
    encryption = {"mode": mode} if keyfile is None else {"mode": mode, "keyfile": keyfile}
    document: dict[str, object] = {
        "repository": {"id": repository_id.hex(), "location": location, "last_modified": format_moment_iso(last_modified)},
        "encryption": encryption,
    }
    if cache is not None:
        document["cache"] = cache
    return document


def cache_document(path: str | None, usage: RepositoryUsage) -> dict[str, object]:
    """What a cache in the directory `path` knows; None if it has no directory."""
    stats: dict[str, object] = {"stats": usage.as_dict()}
    return stats if path is None else {"path": path, **stats}
