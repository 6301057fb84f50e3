"""What a user can choose about a restore."""

from __future__ import annotations

from typing import NamedTuple


class ExtractOptions(NamedTuple):
    dry_run: bool = False  # read and verify everything, write nothing
    strip_components: int = 0
    numeric_ids: bool = False
    flags: bool = True
    acls: bool = True
    xattrs: bool = True
    sparse: bool = False
