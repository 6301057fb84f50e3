"""The restore flow: items in archive order become actions; many files are restored at a time.

Actions gather in windows and take effect as if they were done in archive order: hard links follow their first link, and a
directory gets its attributes after everything in it. A file bigger than a window comes in parts.
"""

from __future__ import annotations

import stat
from contextlib import nullcontext

from vinculum import _native
from vinculum.operations.extract.local_content import parts
from vinculum.operations.extract.progress import Progress
from vinculum.operations.extract.selection import Selection, is_hard_link
from vinculum.operations.extract.target import Target
from vinculum.operations.extract.troubles import tell_trouble
from vinculum.operations.extract.window import WINDOW_BYTES, Windows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from vinculum._native import Item
    from vinculum.events import Sink
    from vinculum.operations.extract.local_content import LocalContent
    from vinculum.operations.extract.options import ExtractOptions
    from vinculum.operations.extract.present import Present
    from vinculum.operations.extract.source import Source


class Extractor:
    """Restores the selected items into a directory, or only reads what is not `present` (`dry_run`), or writes their content
    to one stream. A dry run that looks at nothing in the target is a `Rehearsal`, which is quicker."""

    def __init__(
        self,
        source: Source,
        root: bytes,
        selection: Selection,
        options: ExtractOptions,
        sink: Sink,
        output: BinaryIO | None = None,
        present: Present | None = None,
        total_bytes: int | None = None,
    ) -> None:
        """With `total_bytes` progress is told in percent."""
        if options.dry_run:
            output = None
        target = None if options.dry_run or output is not None else Target(root, options)
        self._root = root
        self._writes = target is not None
        self._selection = selection
        self._sink = sink
        self._present = present
        self._progress = Progress(sink, total_bytes)
        self._windows = Windows(source, root, target, output, sink, self._progress)
        self._directories: list[tuple[Item, bytes]] = []  # entered and not yet finished
        self.left_alone = 0  # files that were there already
        self.written_files = 0
        self.written_bytes = 0

    def extract(self) -> None:
        """Does all of it. Where the repository fails, what was begun is finished first."""
        try:
            for item, path in self._selection.items():
                self._plan(item, path)
            self._windows.run_all()
            self._progress.finish()
            self._finish_directories()
        finally:
            self._windows.finish()

    def _plan(self, item: Item, path: bytes) -> None:
        writes = self._writes
        if writes:
            self._leave_directories(path)
        self._windows.make_room()
        if writes and is_hard_link(item):
            self._plan_link(item, path)
        elif self._is_there(item, path):
            self._leave(item)
        elif stat.S_ISDIR(item.mode):
            self._plan_directory(item, path)
        elif not writes or stat.S_ISREG(item.mode):
            self._note_content(item, path)
        else:
            self._note_special(item, path)

    def _plan_directory(self, item: Item, path: bytes) -> None:
        acts = self._writes
        if acts and self._present is not None and self._windows.is_settled(path):
            try:
                self._present.prepare_directory(item, path)
            except OSError as error:
                tell_trouble(self._sink, self._root, item, path, ("os", error.errno or 0, b""))
        filling = self._windows.filling
        filling.note(item, path, acts=acts, letter=self._letter(item, path))
        if acts:
            filling.batch.make_directory(item, path)
            self._directories.append((item, path))

    def _plan_link(self, item: Item, path: bytes) -> None:
        source, content = self._selection.link_source(item, path)
        if source is not None:
            if self._are_linked(source, path):
                self._leave(item)
            else:
                self._note_file(item, path)
                self._windows.filling.batch.make_link(item, source, path)
        elif self._is_there(content, path):
            self._leave(content)
        elif stat.S_ISREG(content.mode):
            self._note_content(content, path)
        else:
            self._note_special(content, path)

    def _note_special(self, item: Item, path: bytes) -> None:
        self._note_file(item, path)
        self._windows.filling.batch.make_special(item, path)

    def _note_content(self, item: Item, path: bytes) -> None:
        """A file to be written or, where nothing is written, anything that has content."""
        if item.content_bytes > WINDOW_BYTES:
            self._note_large(item, path)
            return
        self._windows.make_room(item.content_bytes)
        acts = self._writes or item.chunks is not None
        self._note_file(item, path, acts=acts)
        if acts:
            self._windows.filling.batch.write_file(item, path)

    def _note_large(self, item: Item, path: bytes) -> None:
        """The same with so much content that it comes in parts. What a file in its place has need not be fetched."""
        self.written_files += 1
        self.written_bytes += item.content_bytes
        letter = self._letter(item, path)
        file = _native.LargeFile(item, path)
        with self._local_content(path) or nullcontext() as local:
            offset = 0
            for part in parts(item.chunks or _native.ChunkList()):
                if file.is_over:
                    break  # it could not be written
                self._windows.make_room(part.size_bytes)
                known = {} if local is None else local.find(part, offset)
                offset += part.size_bytes
                is_last = offset == item.content_bytes
                filling = self._windows.filling
                filling.note(item, path, letter=letter, part=part, ends_file=is_last)
                filling.batch.write_part(file, part, known, is_last=is_last)
                letter = None

    def _note_file(self, item: Item, path: bytes, *, acts: bool = True) -> None:
        self._windows.filling.note(item, path, acts=acts, letter=self._letter(item, path))
        self.written_files += 1
        self.written_bytes += item.content_bytes

    # -- what is there already -----------------------------------------------------------------------------------------

    def _is_there(self, item: Item, path: bytes) -> bool:
        """True if an earlier restore finished this one. What is at paths with something still to be done does not count."""
        return self._present is not None and self._windows.is_settled(path) and self._present.is_complete(item, path)

    def _local_content(self, path: bytes) -> LocalContent | None:
        """What a file that is there already has."""
        if self._present is None or not self._writes or not self._windows.is_settled(path):
            return None
        return self._present.content(path)

    def _are_linked(self, source: bytes, path: bytes) -> bool:
        """True if an earlier restore linked these two."""
        if self._present is None or not self._windows.is_settled(source) or not self._windows.is_settled(path):
            return False
        return self._present.are_same(source, path)

    def _leave(self, item: Item) -> None:
        """Goes past something that is as it should be."""
        self.left_alone += 1
        self._progress.advance(item, item.content_bytes)

    def _letter(self, item: Item, path: bytes) -> str | None:
        return "" if self._present is None else self._present.letter(item, path)

    # -- order ---------------------------------------------------------------------------------------------------------

    def _leave_directories(self, path: bytes) -> None:
        """Finishes the directories that `path` is not in."""
        while self._directories and not path.startswith(self._directories[-1][1] + b"/"):
            if self._directories[-1][1] == b".":
                return  # the root of the archive stays open to the end
            self._finish_directory(*self._directories.pop())

    def _finish_directory(self, item: Item, path: bytes) -> None:
        filling = self._windows.filling
        filling.note(item, path, letter=None)
        filling.batch.finish_directory(item, path)

    def _finish_directories(self) -> None:
        """Finishes those that are still open when everything is in them."""
        total = len(self._directories)
        for number in range(1, total + 1):
            self._sink.progress("extract.permissions", number, total, "")
            self._finish_directory(*self._directories.pop())
        self._windows.run_all()
        self._sink.finished("extract.permissions")
