"""Gathering: what the walk finds becomes bundles, runs of entries in archive order that go through the stages together.

Runs ahead of the rest, in a thread of its own where there is one. Decides nothing and reports nothing itself.
"""

from __future__ import annotations

import errno as errnos
import os
from typing import TYPE_CHECKING, NamedTuple

from vinculum import _native, warning_codes

if TYPE_CHECKING:
    from collections.abc import Callable

# What goes together: enough to keep all cores busy, little enough for several bundles to be on their way at once.
MAX_ENTRIES = 2048
MAX_BYTES = 16 * 1024 * 1024
MAX_LISTINGS = 96  # each keeps its directory open

_CODES = {
    errnos.EPERM: warning_codes.NO_PERMISSION,
    errnos.EACCES: warning_codes.NO_PERMISSION,
    errnos.EIO: warning_codes.IO_ERROR,
    errnos.ENOENT: warning_codes.NOT_FOUND,
}
_BY_NAME = ("dir_open", "stat")  # system calls that are given a name in an open directory


def describe_os_error(path: bytes, error: OSError, operation: str) -> tuple[str, int]:
    """A warning's text and modern exit code for a file that could not be dealt with."""
    text = f"{os.fsdecode(path)}: {operation}: {error}"
    return text, _CODES.get(error.errno or 0, warning_codes.OS_ERROR)


class Note(NamedTuple):
    """Something to report that is no entry of the bundle."""

    before: int  # how many entries were taken before
    letter: str  # none with a warning: no status; none without: a root begins
    path: bytes
    warning: tuple[str, int] | None = None


class Bundle:
    """A run of entries and what there is to report between them."""

    __slots__ = ("batch", "is_apart", "notes", "roots")

    def __init__(self, options: _native.ItemOptions) -> None:
        self.batch = _native.FileBatch(options, max_entries=MAX_ENTRIES, max_bytes=MAX_BYTES, max_listings=MAX_LISTINGS)
        self.notes: list[Note] = []
        self.roots: set[int] = set()  # entries that were reached by their whole path
        self.is_apart = False  # to be read only when all bundles before it are done: they may hold the same files


class Gatherer:
    """The visitor of a walk; hands bundles over as they fill. Confined to one thread."""

    def __init__(
        self,
        options: _native.ItemOptions,
        hand_over: Callable[[Bundle], None],
        stop_requested: Callable[[], bool],
        *,
        wants_files: bool,
    ) -> None:
        self._options = options
        self.hand_over = hand_over
        self.check = _nothing  # whether anybody still wants bundles: raises something if not
        self._stop_requested = stop_requested
        self._wants_files = wants_files
        self._cwd = os.getcwdb()
        self._bundle = Bundle(options)
        self._begun: set[bytes] = set()  # all roots so far, and everything above them
        self._above: set[bytes] = set()

    def begin(self, path: bytes) -> None:
        """What comes next is below `path`. Files of it that are on their way go first, to be found unchanged now."""
        self._bundle.notes.append(Note(len(self._bundle.batch), "", path))
        path = os.path.normpath(os.path.join(self._cwd, path))
        above = _parents(path)
        if path in self._begun or path in self._above or not self._begun.isdisjoint(above):
            self.flush()
            self._bundle.is_apart = True
        self._begun.add(path)
        self._above.update(above)

    def take(self, listing: _native.DirectoryListing, start: int, stop: int) -> None:
        """Entries that go into the archive next."""
        if not listing.path:
            if self._bundle.batch.is_full:
                self.flush()
            self._bundle.roots.add(len(self._bundle.batch))
        while (start := self._bundle.batch.add(listing, start, stop)) < stop:
            self.flush()

    def take_tree(self, listing: _native.DirectoryListing) -> None:
        """All that is in a directory, without a Python statement for each of those below it."""
        walk = _native.PlainWalk(listing)
        while not walk.has_ended:
            for before, path, errno, operation in walk.fill(self._bundle.batch):
                name = os.path.basename(path) if operation in _BY_NAME else None
                error = OSError(errno, os.strerror(errno), *([] if name is None else [os.fsdecode(name)]))
                self._bundle.notes.append(Note(before, "E", path, describe_os_error(path, error, operation)))
            if self._bundle.batch.is_full:
                self.flush()
            self.pause()

    def note(self, letter: str, path: bytes) -> None:
        """Something to report between the entries taken so far and the next."""
        if self._wants_files:
            self._bundle.notes.append(Note(len(self._bundle.batch), letter, path))

    def fail(self, path: bytes, error: OSError, operation: str, letter: str = "E") -> None:
        """Something that could not even be examined, or not be entered."""
        warning = describe_os_error(path, error, operation)
        self._bundle.notes.append(Note(len(self._bundle.batch), letter, path, warning))

    def pause(self) -> None:
        """Between directories, of which whole trees may be left out without anything to hand over.

        Who stores learns of the user's wish to stop from a bundle, be it an empty one.
        """
        self.check()
        if self._stop_requested():
            self.flush(even_nothing=True)

    def flush(self, *, even_nothing: bool = False) -> None:
        """Hands over what there is."""
        bundle, self._bundle = self._bundle, Bundle(self._options)
        if len(bundle.batch) or bundle.notes or even_nothing:
            self.hand_over(bundle)
        else:
            self._bundle.is_apart = bundle.is_apart


def _nothing() -> None:
    pass


def _parents(path: bytes) -> list[bytes]:
    parents = []
    while (parent := os.path.dirname(path)) != path:
        parents.append(parent)
        path = parent
    return parents
