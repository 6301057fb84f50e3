"""The directory that a restore writes into, and the rule that nothing is ever written outside it.

Archives are not trusted: a path with `..` or a leading slash, and a parent or hard link source that is or leads through a
symlink, are refused.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from vinculum import _native

if TYPE_CHECKING:
    from vinculum.operations.extract.attributes import AttributeRestorer


class UnsafePath(Exception):
    """The item would be written outside of the target; the text says why. `modern_code` is the warning's exit code."""

    def __init__(self, text: str, modern_code: int) -> None:
        super().__init__(text)
        self.modern_code = modern_code


_SYMLINK_PARENT = 108
_TRAVERSAL = 109
_HARD_LINK_SOURCE = 110


class Target:
    """Creates files, directories and links below one directory. Confined to one thread."""

    def __init__(self, root: bytes, attributes: AttributeRestorer) -> None:
        self._root = root
        self._attributes = attributes
        self._safe: set[bytes] = {b""}  # directories below the root that were seen to be real ones

    def path_of(self, path: bytes) -> bytes:
        return os.path.join(self._root, path)

    def _check_parents(self, path: bytes) -> bytes:
        """Makes sure that `path` stays inside, through real directories only; returns its parent (relative)."""
        parts = path.split(b"/")
        if path.startswith(b"/") or b".." in parts or b"\0" in path:
            raise UnsafePath("not extracted, its path leads out of the target directory", _TRAVERSAL)
        parent = path.rpartition(b"/")[0]
        if parent in self._safe:
            return parent
        prefix = b""
        for part in parts[:-1]:
            prefix = prefix + b"/" + part if prefix else part
            if prefix in self._safe:
                continue
            try:
                mode = os.lstat(self.path_of(prefix)).st_mode
            except FileNotFoundError:
                break
            if stat.S_ISLNK(mode):
                raise UnsafePath("not extracted, a parent directory is a symlink", _SYMLINK_PARENT)
            if stat.S_ISDIR(mode):
                self._safe.add(prefix)
        return parent

    def _prepare(self, path: bytes, *, keep_directory: bool = False) -> bytes:
        """Makes room for `path` and its parents; returns the full path."""
        parent = self._check_parents(path)
        full = self.path_of(path)
        if parent not in self._safe:
            os.makedirs(self.path_of(parent), exist_ok=True)
            self._safe.add(parent)
        try:
            is_directory = stat.S_ISDIR(os.lstat(full).st_mode)
        except FileNotFoundError:
            return full
        if is_directory and not keep_directory:
            self._safe.discard(path)
            os.rmdir(full)
        elif not is_directory:
            os.unlink(full)
        return full

    def make_directory(self, path: bytes) -> None:
        """Creates the directory if it is not there; its attributes come later, with `finish_directory`."""
        full = self._prepare(path, keep_directory=True)
        try:
            os.mkdir(full, 0o700)
        except FileExistsError:
            pass
        self._safe.add(path)

    def finish_directory(self, item: _native.Item, path: bytes) -> None:
        self._check_parents(path)
        self._attributes.restore(item, self.path_of(path), None)

    def open_file(self, path: bytes) -> int:
        """A descriptor of a new, empty file."""
        return os.open(self._prepare(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def finish_file(self, item: _native.Item, path: bytes, fd: int) -> None:
        """Cuts the file at its position (a hole may end it) and gives it its attributes."""
        os.ftruncate(fd, os.lseek(fd, 0, os.SEEK_CUR))
        self._attributes.restore(item, self.path_of(path), fd)

    def make_link(self, source: bytes, path: bytes) -> None:
        """A hard link at `path` to what was restored at `source`."""
        try:
            self._check_parents(source)
        except UnsafePath:
            raise UnsafePath("not extracted, its hard link source is unsafe", _HARD_LINK_SOURCE) from None
        os.link(self.path_of(source), self._prepare(path), follow_symlinks=False)

    def make_special(self, item: _native.Item, path: bytes) -> None:
        """A symlink, fifo or device."""
        full = self._prepare(path)
        if stat.S_ISLNK(item.mode):
            os.symlink(item.source or b"", full)
        elif stat.S_ISFIFO(item.mode):
            os.mkfifo(full, 0o600)
        elif stat.S_ISCHR(item.mode) or stat.S_ISBLK(item.mode):
            os.mknod(full, stat.S_IFMT(item.mode) | 0o600, item.rdev or 0)
        else:
            raise UnsafePath(f"not extracted, unknown file type {stat.S_IFMT(item.mode):o}", 102)
        self._attributes.restore(item, full, None)
