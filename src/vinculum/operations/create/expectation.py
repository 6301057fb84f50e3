"""How much a backup is going to read: as much as the last one of the same things."""

from __future__ import annotations

from vinculum.archive.archive import load_archives
from vinculum.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vinculum.operations.opened import OpenArchives

_LOOKED_AT = 8
"""Several machines, or several sets of paths, may take turns in one repository."""


def expected_bytes(opened: OpenArchives, paths: Iterable[str], hostname: str) -> int | None:
    """The size of the newest archive that this machine made of these paths; None if there is none, or none that tells."""
    newest = sorted(opened.manifest.archives.values(), key=lambda entry: entry.timestamp)[-_LOOKED_AT:]
    wanted = set(paths)
    try:
        for metadata in [*load_archives(opened.store, opened.key, newest)][::-1]:
            if metadata.hostname == hostname and wanted <= set(metadata.cmdline) and metadata.size:
                return metadata.size
    except Error:
        pass  # it is an estimate only: whoever reads that archive is told what is wrong with it
    return None
