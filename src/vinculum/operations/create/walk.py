"""Walking the trees to back up: which entries go in, in Borg's order (siblings by inode, a directory before its content).

Python decides, per directory; the kernels list and examine. Nothing here reads file content, see `tags` for the one exception.
"""

from __future__ import annotations

import os
import os.path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vinculum import _native
from vinculum.archive.patterns import EXCLUDE_NO_RECURSE, INCLUDE
from vinculum.operations.create.roots import split_root, stripped_prefix
from vinculum.operations.create.tags import is_below, tags_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum.archive.patterns import PatternMatcher
    from vinculum.operations.create.tags import Tag

_DIRECTORY = ord("d")


class Visitor(Protocol):
    """Receives what a walk finds, in archive order."""

    def take(self, listing: _native.DirectoryListing, start: int, stop: int) -> None:
        """These entries go into the archive."""

    def note(self, letter: str, path: bytes) -> None:
        """Something else to report here: "x" left out, "d" a directory that is done."""

    def begin(self, path: bytes) -> None:
        """What comes next is the root `path` and what is below it."""

    def pause(self) -> None:
        """Between directories, also those that are left out; may raise an exception that ends the walk."""

    def fail(self, path: bytes, error: OSError, operation: str, letter: str = "E") -> None:
        """This could not be examined or entered, and is left out; reported with this letter, if any."""


class WalkRules(NamedTuple):
    """What a walk leaves out."""

    matcher: PatternMatcher
    one_file_system: bool = False
    exclude_caches: bool = False
    exclude_if_present: tuple[bytes, ...] = ()
    keep_exclude_tags: bool = False
    exclude_nodump: bool = False
    asks_attributes: bool = False  # a directory whose attributes cannot be listed is left out with all that is in it


class _Frame:
    """A directory being walked: its listing and how far we got."""

    __slots__ = ("excluded", "kinds", "letter", "listing", "nodump", "path", "paths", "position", "stop", "verdicts")

    def __init__(self, listing: _native.DirectoryListing, path: bytes | None, excluded: bool) -> None:
        self.listing = listing
        self.path = path  # to be noted with `letter` when it is left; None for the root's pseudo directory
        self.letter = "d"
        self.excluded = excluded  # itself left out, though something below may be included
        self.position = 0
        self.stop = len(listing)
        self.kinds = listing.kinds()
        self.paths: list[bytes] = []  # of all entries, where there is a choice
        self.verdicts: list[int] | None = None
        self.nodump: set[int] = set()

    def path_of(self, index: int) -> bytes:
        """The entry at `index` as walked to."""
        return self.paths[index] if self.paths else self.listing.path_of(index)

    def directories(self) -> Iterator[int]:
        """Where its subdirectories are."""
        index = -1
        while (index := self.kinds.find(_DIRECTORY, index + 1)) >= 0:
            yield index


class Walker:
    """Walks one root after the other; never enters a root or a skipped directory twice."""

    def __init__(
        self,
        rules: WalkRules,
        visitor: Visitor,
        skip: set[tuple[int, int]],
        take_tree: Callable[[_native.DirectoryListing], None] | None = None,
    ) -> None:
        """`take_tree` walks through a directory in which there is nothing to choose; it notes nothing that is done."""
        self._rules = rules
        self._visitor = visitor
        self._take_tree = take_tree
        self._skip = skip  # (inode, device) of what must not be entered
        self._file_roots = False  # whether `skip` holds something that is not a directory
        self._device: int | None = None
        self._ahead: tuple[int | None, set[tuple[int, int]]] | None = None  # set where kernels know what comes next
        self._prefix = b""
        self._stack: list[_Frame] = []

    def walk(self, path: bytes) -> None:
        """Walks the tree at `path` as the user gave it (`a/./b` archives it as `b`)."""
        walked, archived = split_root(path)
        self._visitor.begin(walked)
        try:
            self._device = os.lstat(walked).st_dev if self._rules.one_file_system else None
            self._ahead = self._everything()
            root = _native.scan_root(walked, archived, self._rules.asks_attributes, self._ahead)
        except OSError as error:
            self._visitor.fail(walked, error_by_name(error, walked), "stat", letter="")
            return
        self._prefix = stripped_prefix(path)
        self._stack = [self._frame(root, None, excluded=False)]
        while self._stack:
            self._visitor.pause()
            frame = self._stack[-1]
            if self._take_tree is not None and self._ahead is not None and frame.listing is not root:
                self._stack.pop()
                self._take_tree(frame.listing)
            else:
                self._advance(frame)
        self._skip.add(root.identity(0))
        self._file_roots = self._file_roots or root.kinds() != b"d"

    def _everything(self) -> tuple[int | None, set[tuple[int, int]]] | None:
        """What kernels need to know which directories will be entered; None if the rules take more than that."""
        rules = self._rules
        chooses = rules.exclude_nodump or rules.exclude_caches or rules.exclude_if_present or self._file_roots
        return (self._device, self._skip) if rules.matcher.is_trivial and not chooses else None

    def _frame(self, listing: _native.DirectoryListing, path: bytes | None, *, excluded: bool) -> _Frame:
        frame = _Frame(listing, path, excluded)
        for failed, errno in listing.failures():
            self._visitor.fail(failed, error_by_name(errno, os.path.basename(failed)), "stat")
        trivial = self._rules.matcher.is_trivial and not excluded
        if not trivial or self._rules.exclude_nodump or self._file_roots:
            frame.paths = listing.paths()
            decide = self._rules.matcher.decide
            frame.verdicts = [INCLUDE if trivial else decide(os.fsdecode(path)) for path in frame.paths]
            if self._rules.exclude_nodump:
                frame.nodump = set(listing.nodump())
        if self._ahead is None:
            coming = [index for index in frame.directories() if self._will_enter(frame, index)]
            if len(coming) > 1:
                _native.scan_ahead(listing, coming)
        return frame

    def _will_enter(self, frame: _Frame, index: int) -> bool:
        if frame.verdicts is not None and frame.verdicts[index] == EXCLUDE_NO_RECURSE:
            return False
        return index not in frame.nodump and self._is_on_device(frame, index) and not self._is_skipped(frame, index)

    def _advance(self, frame: _Frame) -> None:
        """Hands over entries up to the next directory to enter, or to the end of this one."""
        if frame.verdicts is None:
            self._advance_plainly(frame)
        else:
            self._advance_choosily(frame, frame.verdicts)

    def _advance_plainly(self, frame: _Frame) -> None:
        """Everything is in: whole runs of entries at a time."""
        start = frame.position
        while (index := frame.kinds.find(_DIRECTORY, start, frame.stop)) >= 0:
            if frame.position < index:
                self._visitor.take(frame.listing, frame.position, index)
            start = frame.position = index + 1
            if not self._is_skipped(frame, index) and self._enter(frame, index, excluded=False):
                return
        if frame.position < frame.stop:
            self._visitor.take(frame.listing, frame.position, frame.stop)
        self._leave(frame)

    def _advance_choosily(self, frame: _Frame, verdicts: list[int]) -> None:
        """Some entries may be left out: one decision per entry, still handed over in runs."""
        run = frame.position
        for index in range(frame.position, frame.stop):
            verdict = verdicts[index]
            is_directory = frame.kinds[index] == _DIRECTORY
            is_skipped = (self._file_roots or is_directory) and self._is_skipped(frame, index)
            has_nodump = index in frame.nodump
            if verdict == INCLUDE and not is_directory and not is_skipped and not has_nodump:
                continue
            if run < index:
                self._visitor.take(frame.listing, run, index)
            run = frame.position = index + 1
            if verdict != INCLUDE:
                self._visitor.note("x", frame.path_of(index))
                if verdict == EXCLUDE_NO_RECURSE or not is_directory:
                    continue
            if is_skipped:
                continue
            if has_nodump:
                self._visitor.note("x", frame.path_of(index))
            elif is_directory and self._enter(frame, index, excluded=verdict != INCLUDE):
                return
        if run < frame.stop:
            self._visitor.take(frame.listing, run, frame.stop)
        self._leave(frame)

    def _is_on_device(self, frame: _Frame, index: int) -> bool:
        return self._device is None or frame.listing.device(index) == self._device

    def _is_skipped(self, frame: _Frame, index: int) -> bool:
        return frame.listing.identity(index) in self._skip

    def _enter(self, frame: _Frame, index: int, *, excluded: bool) -> bool:
        """Takes the directory at `index` and goes into it; False if its content stays out."""
        path = frame.path_of(index)
        if not self._is_on_device(frame, index):
            if not excluded:
                self._visitor.take(frame.listing, index, index + 1)
            self._visitor.note("d", path)
            return False
        try:
            content = _native.scan_directory(frame.listing, index)
        except OSError as error:
            name = os.path.basename(path) if frame.listing.path else path
            self._visitor.fail(path, error_by_name(error, name), "dir_open")
            return False
        if tags := tags_in(content, self._rules, self._prefix):
            if not excluded:
                self._leave_out_tagged(frame, index, content, tags)
            return True
        if not excluded:
            # Only what listing their names says. An attribute that cannot be read is left out by itself. If that is an ACL,
            # which comes to light later, so is the directory, but not what is in it: Borg leaves that out, too, though nothing
            # is wrong with it.
            if errno := frame.listing.attributes_errno(index):
                self._visitor.fail(path, OSError(errno, os.strerror(errno)), "listxattr")
                return False
            self._visitor.take(frame.listing, index, index + 1)
        if content.errno:
            self._visitor.fail(path, OSError(content.errno, os.strerror(content.errno)), "scandir")
            return False
        self._stack.append(self._frame(content, None if excluded else path, excluded=excluded))
        return True

    def _leave_out_tagged(self, frame: _Frame, index: int, content: _native.DirectoryListing, tags: list[Tag]) -> None:
        """Of a directory with tags, at most itself and the tags go in; the latter are walked like any file or directory."""
        rest = _Frame(content, frame.path_of(index), excluded=False)
        rest.letter = "x"
        rest.position = rest.stop
        self._stack.append(rest)
        if self._rules.keep_exclude_tags:
            self._visitor.take(frame.listing, index, index + 1)
            for listing, tag in reversed(tags):
                if listing is not content and not is_below(listing.path_of(tag), content.path):
                    continue  # `../x` tags many directories, and walking it from each may never end
                kept = self._frame(listing, None, excluded=False)
                kept.position, kept.stop = tag, tag + 1
                self._stack.append(kept)

    def _leave(self, frame: _Frame) -> None:
        self._stack.pop()
        if frame.path is not None:
            self._visitor.note(frame.letter, frame.path)


def error_by_name(error: OSError | int, name: bytes) -> OSError:
    """The error (or errno) of a system call that was given this name."""
    errno = error if isinstance(error, int) else error.errno or 0
    return OSError(errno, os.strerror(errno), os.fsdecode(name))
