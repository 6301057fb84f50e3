"""What a user can choose about a restore."""

from __future__ import annotations


class ExtractOptions:
    """How files come back. With `dry_run` everything is read and verified, and nothing written. Not to be changed."""

    __slots__ = ("acls", "dry_run", "flags", "numeric_ids", "sparse", "xattrs")

    def __init__(
        self,
        *,
        dry_run: bool = False,
        numeric_ids: bool = False,
        flags: bool = True,
        acls: bool = True,
        xattrs: bool = True,
        sparse: bool = False,
    ) -> None:
        self.dry_run = dry_run
        self.numeric_ids = numeric_ids
        self.flags = flags
        self.acls = acls
        self.xattrs = xattrs
        self.sparse = sparse
