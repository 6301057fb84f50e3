"""Where files are restored to: a directory that nothing gets out of, and whose ids the archived names of owners mean there."""

from __future__ import annotations

import os

from vinculum import _native
from vinculum.platform import owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.operations.extract.options import ExtractOptions


class Target:
    """The directory `root`, and how it takes files. Confined to one thread."""

    def __init__(self, root: bytes, options: ExtractOptions) -> None:
        self.sparse = options.sparse
        self._numeric_ids = options.numeric_ids
        fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.restorer = _native.Restorer(
                fd,
                numeric_ids=options.numeric_ids,
                acls=options.acls,
                xattrs=options.xattrs,
                flags=options.flags,
                sparse=options.sparse,
            )
        finally:
            os.close(fd)

    def learn_owners(self, batch: _native.RestoreBatch) -> None:
        """Tells the kernel the ids of names that it meets for the first time. To be done before the batch is begun."""
        if self._numeric_ids:
            return
        users, groups = batch.unknown_owners(self.restorer)
        for name in users:
            self.restorer.set_user(name, owners.user_id(name))
        for name in groups:
            self.restorer.set_group(name, owners.group_id(name))
