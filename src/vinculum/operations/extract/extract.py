"""The restore flow: items in archive order become actions; content is fetched for many files at a time.

Actions wait until a window of content is full, then run in order with the fetched chunks. So hard links follow their first
link and a directory gets its attributes after everything in it. A file bigger than the window streams through on its own.
While one window is worked on, the content of the next is on its way.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vinculum import _native
from vinculum.operations.extract.selection import Selection, is_hard_link
from vinculum.operations.extract.target import UnsafePath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import BinaryIO

    from vinculum.events import Sink
    from vinculum.operations.extract.options import ExtractOptions
    from vinculum.operations.extract.target import Target

WINDOW_BYTES = 32 * 1024 * 1024
WINDOW_CHUNKS = 2048
_BACKUP_ERROR = 102
_OS_ERROR = 104


class Source(Protocol):
    """Where content comes from."""

    def expect(self, ids: bytes) -> None:
        """Tells that these ids will be fetched soon."""

    def fetch(self, ids: bytes) -> list[_native.Bytes]:
        """The plaintexts of n ids."""


class _Window(NamedTuple):
    actions: list[_Action]
    ids: bytes


class _Action(NamedTuple):
    run: Callable[[_native.Item, bytes, list[_native.Bytes]], None]
    item: _native.Item
    path: bytes
    chunks: int  # how many of the window's chunks are this action's


class Extractor:
    """Restores the selected items into a target, or only reads them (`dry_run`), or writes their content to one stream."""

    def __init__(
        self,
        source: Source,
        target: Target,
        selection: Selection,
        options: ExtractOptions,
        sink: Sink,
        output: BinaryIO | None = None,
    ) -> None:
        self._source = source
        self._target = target
        self._selection = selection
        self._options = options
        self._sink = sink
        self._output = None if options.dry_run else output
        self._writes = not options.dry_run and output is None
        self._next = _Window([], b"")  # full, and expected
        self._actions: list[_Action] = []
        self._ids: list[bytes] = []
        self._waiting_bytes = 0
        self._waiting_chunks = 0
        self._directories: list[tuple[_native.Item, bytes]] = []  # entered and not yet finished
        self._done_bytes = 0
        self.total_bytes: int | None = None  # set it for progress in percent

    def extract(self, items: Iterable[list[_native.Item]]) -> None:
        for batch in items:
            for item in batch:
                path = self._selection.target_path(item)
                if path is not None:
                    self._plan(item, path)
        self._run_all()
        self._sink.finished("extract")
        self._finish_directories()

    def _plan(self, item: _native.Item, path: bytes) -> None:
        if self._writes:
            self._leave_directories(path)
        if self._sink.wants_files:
            self._queue(self._announce, item, path)
        if not self._writes:
            if item.chunks is not None:
                self._queue_content(self._read_only, item, path)
        elif stat.S_ISDIR(item.mode):
            self._queue(self._make_directory, item, path)
            self._directories.append((item, path))
        elif is_hard_link(item):
            self._plan_link(item, path)
        elif stat.S_ISREG(item.mode):
            self._queue_content(self._write_file, item, path)
        else:
            self._queue(lambda item, path, _: self._target.make_special(item, path), item, path)

    def _plan_link(self, item: _native.Item, path: bytes) -> None:
        source, content = self._selection.link_source(item, path)
        if source is not None:
            self._queue(lambda _, path, __: self._target.make_link(source, path), item, path)
        elif stat.S_ISREG(content.mode):
            self._queue_content(self._write_file, content, path)
        else:
            self._queue(lambda item, path, _: self._target.make_special(item, path), content, path)

    def _leave_directories(self, path: bytes) -> None:
        """Finishes the directories that `path` is not in."""
        while self._directories and not path.startswith(self._directories[-1][1] + b"/"):
            if self._directories[-1][1] == b".":
                return  # the root of the archive stays open to the end
            item, directory = self._directories.pop()
            self._queue(self._finish_directory, item, directory)

    def _finish_directories(self) -> None:
        """Finishes those that are still open when everything is in them."""
        total = len(self._directories)
        for number in range(1, total + 1):
            self._sink.progress("extract.permissions", number, total, "")
            self._guarded(_Action(self._finish_directory, *self._directories.pop(), 0), [])
        self._sink.finished("extract.permissions")

    # -- the window ----------------------------------------------------------------------------------------------------

    def _queue(
        self, run: Callable[[_native.Item, bytes, list[_native.Bytes]], None], item: _native.Item, path: bytes, chunks: int = 0
    ) -> None:
        self._actions.append(_Action(run, item, path, chunks))
        if len(self._actions) >= 2 * WINDOW_CHUNKS:
            self._turn()

    def _queue_content(
        self, run: Callable[[_native.Item, bytes, list[_native.Bytes]], None], item: _native.Item, path: bytes
    ) -> None:
        content = item.chunks or _native.ChunkList()
        if content.size_bytes > WINDOW_BYTES:
            self._run_all()
            self._guarded(_Action(self._stream, item, path, 0), [])
            return
        if self._waiting_bytes + content.size_bytes > WINDOW_BYTES or self._waiting_chunks + len(content) > WINDOW_CHUNKS:
            self._turn()
        self._ids.append(content.ids())
        self._waiting_bytes += content.size_bytes
        self._waiting_chunks += len(content)
        self._queue(run, item, path, len(content))

    def _turn(self) -> None:
        """Lets the content of the window that is full now come, and meanwhile runs the one before."""
        window, self._next = self._next, _Window(self._actions, b"".join(self._ids))
        self._actions, self._ids, self._waiting_bytes, self._waiting_chunks = [], [], 0, 0
        if self._next.ids:
            self._source.expect(self._next.ids)
        plaintexts = self._source.fetch(window.ids) if window.ids else []
        position = 0
        for action in window.actions:
            self._guarded(action, plaintexts[position : position + action.chunks])
            position += action.chunks

    def _run_all(self) -> None:
        """Runs everything that waits."""
        self._turn()
        self._turn()

    def _guarded(self, action: _Action, chunks: list[_native.Bytes]) -> None:
        """Runs one action; what goes wrong with one file is a warning, and the others come back all the same."""
        name = os.fsdecode(action.item.path)
        try:
            action.run(action.item, action.path, chunks)
        except UnsafePath as problem:
            self._sink.warning(f"{name}: {problem}", problem.modern_code)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._sink.warning(f"{name}: [Errno {error.errno}] {error.strerror}", _OS_ERROR)

    # -- what actions do -----------------------------------------------------------------------------------------------

    def _announce(self, _: _native.Item, path: bytes, __: list[_native.Bytes]) -> None:
        self._sink.status("", path)

    def _finish_directory(self, item: _native.Item, path: bytes, _: list[_native.Bytes]) -> None:
        self._target.finish_directory(item, path)

    def _make_directory(self, _: _native.Item, path: bytes, __: list[_native.Bytes]) -> None:
        self._target.make_directory(path)

    def _read_only(self, item: _native.Item, path: bytes, chunks: list[_native.Bytes]) -> None:
        if self._output is not None:
            self._output.writelines(chunks)
        self._verify(item, path, sum(map(len, chunks)))

    def _write_file(self, item: _native.Item, path: bytes, chunks: list[_native.Bytes]) -> None:
        fd = self._target.open_file(path)
        try:
            size = _native.write_chunks(fd, chunks, self._options.sparse)
            self._target.finish_file(item, path, fd)
        finally:
            os.close(fd)
        self._verify(item, path, size)

    def _stream(self, item: _native.Item, path: bytes, _: list[_native.Bytes]) -> None:
        """A file bigger than the window, a window at a time."""
        content = item.chunks or _native.ChunkList()
        step = max(1, len(content) * WINDOW_BYTES // max(1, content.size_bytes))
        fd = self._target.open_file(path) if self._writes else None
        size = 0
        windows = [content.part(start, min(len(content), start + step)).ids() for start in range(0, len(content), step)]
        try:
            self._source.expect(windows[0])
            for number, ids in enumerate(windows, 1):
                if number < len(windows):
                    self._source.expect(windows[number])
                chunks = self._source.fetch(ids)
                if fd is not None:
                    size += _native.write_chunks(fd, chunks, self._options.sparse)
                else:
                    size += sum(map(len, chunks))
                    if self._output is not None:
                        self._output.writelines(chunks)
                self._show_progress(item, self._done_bytes + size)
            if fd is not None:
                self._target.finish_file(item, path, fd)
        finally:
            if fd is not None:
                os.close(fd)
        self._verify(item, path, size)

    def _verify(self, item: _native.Item, path: bytes, size: int) -> None:
        """Reports content that is not what the archive promised."""
        self._done_bytes += size
        self._show_progress(item, self._done_bytes)
        name = os.fsdecode(path)
        if item.size is not None and item.size != size:
            self._sink.warning(f"{name}: Size inconsistency detected: size {item.size}, chunks size {size}", _BACKUP_ERROR)
        if item.chunks_healthy is not None:
            text = f"{name}: File has damaged (all-zero) chunks. Try running borg check --repair."
            self._sink.warning(text, _BACKUP_ERROR)

    def _show_progress(self, item: _native.Item, done: int) -> None:
        if self._sink.wants_progress:
            self._sink.progress("extract", done, self.total_bytes, os.fsdecode(item.path))
