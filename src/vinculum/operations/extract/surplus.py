"""Deleting what a tree has and an archive has not.

Nothing outside the tree is ever reached: directories are entered by descriptors, never through symlinks, and other file systems
are left as they are.
"""

from __future__ import annotations

import os
import stat

from vinculum import warning_codes
from vinculum.platform import descent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum.events import Sink

_DEEPEST = 400  # directories inside each other, each of which is kept open


class Surplus:
    """Finds and deletes below `root`; `keep` holds the paths of what stays. Confined to one thread."""

    def __init__(self, root: bytes, keep: set[bytes], sink: Sink, *, dry_run: bool) -> None:
        self._root = root
        self._keep = keep
        self._sink = sink
        self._dry_run = dry_run
        self._device = 0
        self.count = 0  # of files and directories that were deleted

    def delete(self) -> None:
        """Goes through all of the tree."""
        top = descent.open_top(self._root)
        try:
            self._device = os.fstat(top).st_dev
            self._clean(top, b"", everything=False)
        finally:
            os.close(top)

    def _clean(self, directory: int, path: bytes, *, everything: bool) -> bool:
        """Deletes what is in a directory, only what is surplus or `everything`; True if nothing is left."""
        is_empty = True
        for name in sorted(map(os.fsencode, os.listdir(directory))):
            place = os.path.join(path, name)
            goes = everything or place not in self._keep
            try:
                gone = self._visit(directory, name, place, goes=goes)
            except OSError as error:
                self._sink.warning(f"{os.fsdecode(place)}: [Errno {error.errno}] {error.strerror}", warning_codes.OS_ERROR)
                gone = False
            is_empty &= gone
        return is_empty

    def _visit(self, directory: int, name: bytes, path: bytes, *, goes: bool) -> bool:
        """One name in a directory; True if it `goes` and is gone."""
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            if goes:
                self._remove(os.unlink, directory, name, path)
            return goes
        obstacle = self._obstacle(found, path)
        if obstacle:
            self._sink.warning(f"{os.fsdecode(path)}: nothing is deleted there, {obstacle}", warning_codes.OS_ERROR)
            return False
        inside = descent.open_directory(directory, name)
        try:
            is_empty = self._clean(inside, path, everything=goes)
        finally:
            os.close(inside)
        if goes and is_empty:
            self._remove(os.rmdir, directory, name, path)
        return goes and is_empty

    def _obstacle(self, found: os.stat_result, path: bytes) -> str:
        """What keeps us out of a directory, if anything does."""
        if found.st_dev != self._device:
            return "another file system is mounted at it"
        return "too many directories are inside each other" if path.count(b"/") >= _DEEPEST else ""

    def _remove(self, remove: Callable[..., None], directory: int, name: bytes, path: bytes) -> None:
        if not self._dry_run:
            remove(name, dir_fd=directory)
        self.count += 1
        self._sink.status("D", path)


def with_parents(paths: Iterator[bytes]) -> set[bytes]:
    """The paths in normal form, and those of all directories that they need."""
    found: set[bytes] = set()
    for path in paths:
        path = os.path.normpath(path)
        while path not in found and path not in (b"", b"."):
            found.add(path)
            path = os.path.dirname(path)
    return found
