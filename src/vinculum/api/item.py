"""One archived file, as a program wants to see it: texts, numbers and times instead of what is stored."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum import _native

_NS_PER_S = 1_000_000_000


class Item:
    """A file, directory, link or whatever else an archive holds. Immutable.

    Texts that are not UTF-8 come with surrogate escapes, as everywhere in Python: `os.fsencode` gives the bytes.
    """

    __slots__ = ("_item",)

    def __init__(self, item: _native.Item) -> None:
        self._item = item

    def __repr__(self) -> str:
        return f"<Item {stat.filemode(self.mode)} {self.path!r}>"

    @property
    def path(self) -> str:
        """Relative, without a leading slash."""
        return os.fsdecode(self._item.path)

    @property
    def mode(self) -> int:
        """Kind and permissions, as the module `stat` takes them apart."""
        return self._item.mode

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def size(self) -> int:
        """Of the content, in bytes; 0 for what has none, and for a hard link to a file that came before."""
        return self._item.content_bytes

    @property
    def mtime(self) -> datetime:
        """When the content was last changed, in UTC, to the microsecond."""
        seconds, ns = divmod(self.mtime_ns, _NS_PER_S)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=ns // 1000)

    @property
    def mtime_ns(self) -> int:
        """The same in nanoseconds since 1970."""
        return self._item.mtime

    @property
    def uid(self) -> int | None:
        return self._item.uid

    @property
    def gid(self) -> int | None:
        return self._item.gid

    @property
    def user(self) -> str | None:
        """The owner's name, if it had one."""
        return None if self._item.user is None else os.fsdecode(self._item.user)

    @property
    def group(self) -> str | None:
        return None if self._item.group is None else os.fsdecode(self._item.group)

    @property
    def target(self) -> str | None:
        """Where a symbolic link leads, or the path of the file that a hard link came after."""
        return None if self._item.source is None else os.fsdecode(self._item.source)
