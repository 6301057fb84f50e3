"""What is in the target already: how a restore that goes on knows what need not be written again.

A file gets its time of last modification when all else but its flags is done. So a file that has the archived time, size and
flags was finished. Looking follows no symlinks: a file counts only if its directory is a real one all the way from the top.
"""

from __future__ import annotations

import os
import stat

from vinculum import _native
from vinculum.platform import descent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Item
    from vinculum.operations.extract.local_content import LocalContent

_DEVICES = (stat.S_IFBLK, stat.S_IFCHR)
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Present:
    """Looks at what lies below `root`. Paths are relative, and in normal form. Confined to one thread."""

    def __init__(self, root: bytes, *, with_flags: bool = True) -> None:
        self._with_flags = with_flags
        self._top = descent.open_top(root)
        self._parent: bytes = b""  # the directory that was looked into last, and its descriptor
        self._directory = os.dup(self._top)

    def close(self) -> None:
        os.close(self._top)
        os.close(self._directory)

    def is_complete(self, item: Item, path: bytes) -> bool:
        """True if what `item` describes is at `path` as a restore leaves it."""
        found = self.look(path)
        return found is not None and self._is_finished(item, os.path.basename(path), found)

    def are_same(self, first: bytes, second: bytes) -> bool:
        """True if both paths are links to the same file."""
        one, other = self.look(first), self.look(second)
        return one is not None and other is not None and (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)

    def letter(self, item: Item, path: bytes) -> str | None:  # noqa: ARG002
        """The status that what is restored there is listed with; None if it is not worth a line."""
        return ""

    def prepare_directory(self, item: Item, path: bytes) -> None:
        """Takes away what a directory has beyond the item, if that matters: it would stay, or be passed on to new files."""

    def content(self, path: bytes) -> LocalContent | None:  # noqa: ARG002
        """What the file at `path` has, if it may have something in common with what is to be written there."""
        return None

    def look(self, path: bytes) -> os.stat_result | None:
        """What is there, None if nothing is, or no directory leads to it."""
        parent, name = os.path.split(path)
        if path.startswith(b"/") or b".." in path.split(b"/"):
            return None  # it leads out
        try:
            if parent != self._parent:
                directory = descent.open_directory(self._top, parent)
                os.close(self._directory)
                self._parent, self._directory = parent, directory
            return os.stat(name or b".", dir_fd=self._directory, follow_symlinks=False)
        except (OSError, ValueError):
            return None  # ValueError: there is a null byte in it

    def _is_finished(self, item: Item, name: bytes, found: os.stat_result) -> bool:
        kind = stat.S_IFMT(item.mode)
        if stat.S_IFMT(found.st_mode) != kind or not self._has_time(item, found):
            return False
        if kind == stat.S_IFREG:
            is_whole = item.chunks_healthy is None and item.size in (None, item.content_bytes)
            return is_whole and found.st_size == item.content_bytes and self._has_flags(item, name)
        if kind == stat.S_IFDIR:
            # Others are finished once more, as something may come into them still; these might take nothing any more.
            return bool(item.bsdflags) and self._with_flags and self._has_flags(item, name)
        if kind == stat.S_IFLNK:
            return os.readlink(name, dir_fd=self._directory) == item.source
        return kind == stat.S_IFIFO or (kind in _DEVICES and found.st_rdev == item.rdev)

    def _has_time(self, item: Item, found: os.stat_result) -> bool:
        return found.st_mtime_ns == item.mtime

    def _has_flags(self, item: Item, name: bytes) -> bool:
        return not item.bsdflags or not self._with_flags or self._flags(name) == item.bsdflags

    def _flags(self, name: bytes) -> int | None:
        """Those of a regular file or directory, None if they cannot be had."""
        try:
            fd = self._open(name)
        except OSError:
            return None
        try:
            return _native.get_flags(fd)
        except OSError:
            return None
        finally:
            os.close(fd)

    def _open(self, name: bytes) -> int:
        """A file in the directory that was looked into last, to be read."""
        return os.open(name, _LOOK, dir_fd=self._directory)
