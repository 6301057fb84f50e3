"""What is in the target already: how a restore that goes on knows what need not be written again.

A file gets its time of last modification when all else but its flags is done. So a file that has the archived time, size and
flags was finished. Looking changes nothing; still a file counts only if its directory is a real one all the way from the top.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from vinculum import _native

if TYPE_CHECKING:
    from vinculum._native import Item

_DEVICES = (stat.S_IFBLK, stat.S_IFCHR)


class Present:
    """Looks at what lies below `root`. Nothing may change there meanwhile but what the caller knows of."""

    __slots__ = ("_parent", "_root", "_with_flags")

    def __init__(self, root: bytes, *, with_flags: bool = True) -> None:
        self._root = root
        self._with_flags = with_flags
        self._parent = b""  # found to be a real directory last

    def is_complete(self, item: Item, path: bytes) -> bool:
        """True if what `item` describes is at `path`, a relative path in normal form, as a restore leaves it."""
        found = self._look(path)
        if found is None or stat.S_IFMT(found.st_mode) != stat.S_IFMT(item.mode) or found.st_mtime_ns != item.mtime:
            return False
        kind = stat.S_IFMT(item.mode)
        if kind == stat.S_IFREG:
            is_whole = item.chunks_healthy is None and item.size in (None, item.content_bytes)
            return is_whole and found.st_size == item.content_bytes and self._has_flags(item, path)
        if kind == stat.S_IFDIR:
            # Others are finished once more, as something may come into them still; these might take nothing any more.
            return bool(item.bsdflags) and self._with_flags and self._has_flags(item, path)
        if kind == stat.S_IFLNK:
            return os.readlink(os.path.join(self._root, path)) == item.source
        return kind == stat.S_IFIFO or (kind in _DEVICES and found.st_rdev == item.rdev)

    def are_same(self, first: bytes, second: bytes) -> bool:
        """True if both paths are links to the same file."""
        one, other = self._look(first), self._look(second)
        return one is not None and other is not None and (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)

    def _look(self, path: bytes) -> os.stat_result | None:
        parent = os.path.dirname(path)
        if parent != self._parent:
            if not self._is_real_directory(parent):
                return None
            self._parent = parent
        try:
            return os.lstat(os.path.join(self._root, path))
        except OSError:
            return None

    def _is_real_directory(self, path: bytes) -> bool:
        while path:
            try:
                if not stat.S_ISDIR(os.lstat(os.path.join(self._root, path)).st_mode):
                    return False
            except OSError:
                return False
            path = os.path.dirname(path)
        return True

    def _has_flags(self, item: Item, path: bytes) -> bool:
        if not item.bsdflags or not self._with_flags:
            return True
        try:
            fd = os.open(os.path.join(self._root, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return _native.get_flags(fd) == item.bsdflags
        except OSError:
            return False
        finally:
            os.close(fd)
