"""The restore flow: items in archive order become actions; many files are restored at a time.

Actions gather in a window until it has enough content. The content of one window is on its way while that of the one before is
being opened, and its files written, by a kernel in the background. Actions take effect as if they were done in archive order:
hard links follow their first link, and a directory gets its attributes after everything in it. A file bigger than a window
streams through on its own.
"""

from __future__ import annotations

import os
import stat
from contextlib import nullcontext
from typing import TYPE_CHECKING

from vinculum import _native
from vinculum.operations.extract.large_content import large_content
from vinculum.operations.extract.selection import Selection, is_hard_link
from vinculum.operations.extract.troubles import content_troubles, tell_trouble
from vinculum.operations.extract.window import WINDOW_BYTES, Window
from vinculum.platform import owners

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from vinculum.events import Sink
    from vinculum.operations.extract.large_content import Source
    from vinculum.operations.extract.local_content import LocalContent
    from vinculum.operations.extract.options import ExtractOptions
    from vinculum.operations.extract.present import Present


class Extractor:
    """Restores the selected items into a directory, or only reads them (`dry_run`), or writes their content to one stream."""

    def __init__(
        self,
        source: Source,
        root: bytes,
        selection: Selection,
        options: ExtractOptions,
        sink: Sink,
        output: BinaryIO | None = None,
        present: Present | None = None,
    ) -> None:
        self._source = source
        self._root = root
        self._selection = selection
        self._options = options
        self._sink = sink
        self._output = None if options.dry_run else output
        self._restorer = None if options.dry_run or output is not None else _restorer(root, options)
        self._present = present
        self._filling = Window()
        self._expected = Window()  # full, its content on its way
        self._running = Window()
        self._directories: list[tuple[_native.Item, bytes]] = []  # entered and not yet finished
        self._done_bytes = 0
        self.left_alone = 0  # files that were there already
        self.written_files = 0
        self.written_bytes = 0
        self.total_bytes: int | None = None  # set it for progress in percent

    def extract(self) -> None:
        """Does all of it. Where the repository fails, what was begun is finished first."""
        try:
            for item, path in self._selection.items():
                self._plan(item, path)
            self._run_all()
            self._sink.finished("extract")
            self._finish_directories()
        finally:
            self._finish_running()

    def _plan(self, item: _native.Item, path: bytes) -> None:
        writes = self._restorer is not None
        if writes:
            self._leave_directories(path)
        if self._filling.is_full:
            self._turn()
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

    def _plan_directory(self, item: _native.Item, path: bytes) -> None:
        acts = self._restorer is not None
        if acts and self._present is not None and self._is_settled(path):
            try:
                self._present.prepare_directory(item, path)
            except OSError as error:
                tell_trouble(self._sink, self._root, item, path, ("os", error.errno or 0, b""))
        self._filling.note(item, path, acts=acts, letter=self._letter(item, path))
        if acts:
            self._filling.batch.make_directory(item, path)
            self._directories.append((item, path))

    def _plan_link(self, item: _native.Item, path: bytes) -> None:
        source, content = self._selection.link_source(item, path)
        if source is not None:
            if self._are_linked(source, path):
                self._leave(item)
            else:
                self._note_file(item, path)
                self._filling.batch.make_link(item, source, path)
        elif self._is_there(content, path):
            self._leave(content)
        elif stat.S_ISREG(content.mode):
            self._note_content(content, path)
        else:
            self._note_special(content, path)

    def _note_special(self, item: _native.Item, path: bytes) -> None:
        self._note_file(item, path)
        self._filling.batch.make_special(item, path)

    def _note_content(self, item: _native.Item, path: bytes) -> None:
        """A file to be written or, where nothing is written, anything that has content."""
        if item.content_bytes > WINDOW_BYTES:
            self._run_all()
            self.written_files += 1
            self.written_bytes += item.content_bytes
            letter = self._letter(item, path)
            if self._sink.wants_files and letter is not None:
                self._sink.status(letter, path)
            for trouble in self._stream(item, path):
                tell_trouble(self._sink, self._root, item, path, trouble)
            return
        if not self._filling.has_room(item.content_bytes):
            self._turn()
        acts = self._restorer is not None or item.chunks is not None
        self._note_file(item, path, acts=acts)
        if acts:
            self._filling.batch.write_file(item, path)

    def _note_file(self, item: _native.Item, path: bytes, *, acts: bool = True) -> None:
        self._filling.note(item, path, acts=acts, letter=self._letter(item, path))
        self.written_files += 1
        self.written_bytes += item.content_bytes

    # -- what is there already -----------------------------------------------------------------------------------------

    def _is_there(self, item: _native.Item, path: bytes) -> bool:
        """True if an earlier restore finished this one. What is at paths with something still to be done does not count."""
        return self._present is not None and self._is_settled(path) and self._present.is_complete(item, path)

    def _are_linked(self, source: bytes, path: bytes) -> bool:
        """True if an earlier restore linked these two."""
        is_settled = self._present is not None and self._is_settled(source) and self._is_settled(path)
        return is_settled and self._present is not None and self._present.are_same(source, path)

    def _leave(self, item: _native.Item) -> None:
        """Goes past something that is as it should be."""
        self.left_alone += 1
        self._advance(item, item.content_bytes)

    def _letter(self, item: _native.Item, path: bytes) -> str | None:
        return "" if self._present is None else self._present.letter(item, path)

    def _is_settled(self, path: bytes) -> bool:
        is_pending = any(path in window.paths for window in (self._filling, self._expected, self._running))
        return not is_pending and os.path.normpath(path) == path

    # -- order ---------------------------------------------------------------------------------------------------------

    def _leave_directories(self, path: bytes) -> None:
        """Finishes the directories that `path` is not in."""
        while self._directories and not path.startswith(self._directories[-1][1] + b"/"):
            if self._directories[-1][1] == b".":
                return  # the root of the archive stays open to the end
            self._finish_directory(*self._directories.pop())

    def _finish_directory(self, item: _native.Item, path: bytes) -> None:
        self._filling.note(item, path, letter=None)
        self._filling.batch.finish_directory(item, path)

    def _finish_directories(self) -> None:
        """Finishes those that are still open when everything is in them."""
        total = len(self._directories)
        for number in range(1, total + 1):
            self._sink.progress("extract.permissions", number, total, "")
            self._finish_directory(*self._directories.pop())
        self._run_all()
        self._sink.finished("extract.permissions")

    # -- windows -------------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Lets the content of the window that is full now come, and begins the one before when the one before that is done."""
        full, window = self._filling, self._expected
        self._filling, self._expected = Window(), full
        full.ids = full.batch.ids()
        if full.ids:
            self._source.expect(full.ids)
        if not window.entries:
            self._finish_running()
            return
        stored = self._source.fetch_stored(window.ids) if window.ids else []
        self._finish_running()
        if self._output is not None:
            window.chunks_to_come = self._source.opener.open_ahead(stored, window.ids)
        else:
            self._learn_owners(window.batch)
            window.to_come = window.batch.begin(stored, self._source.opener, self._restorer)
        self._running = window

    def _run_all(self) -> None:
        """Does everything that waits."""
        self._turn()
        self._turn()
        self._finish_running()

    def _learn_owners(self, batch: _native.RestoreBatch) -> None:
        """Tells the kernel the ids of names that it meets for the first time."""
        if self._restorer is None or self._options.numeric_ids:
            return
        users, groups = batch.unknown_owners(self._restorer)
        for name in users:
            self._restorer.set_user(name, owners.user_id(name))
        for name in groups:
            self._restorer.set_group(name, owners.group_id(name))

    def _finish_running(self) -> None:
        """Waits for what is being done, and reports it: what goes wrong with one file is a warning."""
        window, self._running = self._running, Window()
        if window.to_come is not None:
            troubles = window.to_come.wait()
        elif window.chunks_to_come is not None:
            troubles = self._print(window, window.chunks_to_come.wait())
        else:
            return
        by_entry: dict[int, list[_native.Trouble]] = {}
        for place, trouble in troubles:
            by_entry.setdefault(window.places[place], []).append(trouble)
        if self._sink.wants_files or self._sink.wants_progress:
            places: Iterable[int] = range(len(window.entries))
        else:
            places = by_entry
        for place in places:
            item, path, letter = window.entries[place]
            if letter is not None:
                self._sink.status(letter, path)
                self._advance(item, item.content_bytes)
            for trouble in by_entry.get(place, ()):
                tell_trouble(self._sink, self._root, item, path, trouble)

    def _print(self, window: Window, chunks: list[_native.Bytes]) -> list[tuple[int, _native.Trouble]]:
        """Writes content to the stream, file by file."""
        assert self._output is not None
        troubles: list[tuple[int, _native.Trouble]] = []
        start = 0
        for place, entry in enumerate(window.places):
            item = window.entries[entry][0]
            stop = start + len(item.chunks or ())
            content = chunks[start:stop]
            self._output.writelines(content)
            troubles += [(place, trouble) for trouble in content_troubles(item, sum(map(len, content)))]
            start = stop
        return troubles

    # -- large files ---------------------------------------------------------------------------------------------------

    def _stream(self, item: _native.Item, path: bytes) -> list[_native.Trouble]:
        """A file bigger than the window, a window at a time; returns what went wrong."""
        if self._restorer is None:
            return self._pass_on(item, None, None)
        local = None if self._present is None else self._present.content(path)
        with nullcontext() if local is None else local:
            return self._replace(self._restorer, item, path, local)

    def _replace(
        self, restorer: _native.Restorer, item: _native.Item, path: bytes, local: LocalContent | None
    ) -> list[_native.Trouble]:
        """Writes it to a new file, which takes over from the old one what that has."""
        batch = _native.RestoreBatch()
        batch.write_file(item, path)
        self._learn_owners(batch)
        fd, trouble = restorer.open_file(path)
        if fd is None:
            return [] if trouble is None else [trouble]
        try:
            try:
                wrong = self._pass_on(item, fd, local)
            except BrokenPipeError:
                raise
            except OSError as error:
                return [("os", error.errno or 0, b"")]
            found = restorer.finish_file(item, fd)
            return found if any(kind != "attribute" for kind, _, _ in found) else [*found, *wrong]
        finally:
            os.close(fd)

    def _pass_on(self, item: _native.Item, fd: int | None, local: LocalContent | None) -> list[_native.Trouble]:
        """Writes the content to a file, or to the stream if there is one; while one window is written, the next is opened."""
        size = 0
        for chunks in large_content(self._source, item.chunks or _native.ChunkList(), local):
            if fd is not None:
                size += _native.write_chunks(fd, chunks, self._options.sparse)
            else:
                size += sum(map(len, chunks))
                if self._output is not None:
                    self._output.writelines(chunks)
            self._advance(item, sum(map(len, chunks)))
        return content_troubles(item, size)

    def _advance(self, item: _native.Item, content_bytes: int) -> None:
        self._done_bytes += content_bytes
        if self._sink.wants_progress and item.chunks is not None:
            self._sink.progress("extract", self._done_bytes, self.total_bytes, os.fsdecode(item.path))


def _restorer(root: bytes, options: ExtractOptions) -> _native.Restorer:
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _native.Restorer(
            fd,
            numeric_ids=options.numeric_ids,
            acls=options.acls,
            xattrs=options.xattrs,
            flags=options.flags,
            sparse=options.sparse,
        )
    finally:
        os.close(fd)
