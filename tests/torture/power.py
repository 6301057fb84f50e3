"""What a disk holds after a power cut: all that was synced, and of the rest what chance lets through.

Content that was written since a file's last sync may be there or not, write by write; what is missing below what is there reads
as zeros. Names that were made, moved or removed since their directory was synced may be as before, in any combination, except
that changes of one name happen in their order.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

from torture.system_calls import SYNCS, WRITES, Call, SystemCalls


class _Content:
    """A file's content at its last sync, and what was done to it since."""

    def __init__(self, durable: bytes) -> None:
        self.durable = durable
        self.was_cut = False
        self.writes: list[tuple[int, bytes]] = []

    def survivors(self, random: Random) -> bytes:
        content = bytearray(b"" if self.was_cut and random.random() < 0.5 else self.durable)
        for start, data in self.writes:
            if random.random() < 0.5:
                content.extend(bytes(max(0, start + len(data) - len(content))))
                content[start : start + len(data)] = data
        return bytes(content)


class _Change:
    """A change of names that is not durable yet, and how to undo it."""

    def __init__(self, paths: list[str], undo: Callable[[], None]) -> None:
        self.paths = paths
        self.unsynced = {os.path.dirname(path) for path in paths}
        self.undo = undo


class PowerCut:
    """Keeps account of what is not durable; `cut` loses some of that, by chance."""

    def __init__(self, root: str, calls: SystemCalls, seed: int) -> None:
        self._root = root
        self._calls = calls
        self._random = Random(seed)
        self._contents: dict[int, _Content] = {}
        self._changes: list[_Change] = []

    def note(self, call: Call) -> Callable[[], None]:
        """To be called before the call happens; what it returns is to be called behind it."""
        path = call.paths[0]
        if call.name in SYNCS:
            return lambda: self._sync(call.args[0], path)
        if call.name in WRITES:
            target = call.args[1] if call.name == "copy_file_range" else call.args[0]
            start = os.fstat(target).st_size
            return lambda: self._note_write(target, start, call)
        if call.name == "open":
            return self._note_open(path, bool(call.args[1] & os.O_TRUNC))
        if call.name in ("truncate", "ftruncate"):
            self._content(path).was_cut = True
            self._content(path).writes.clear()
            return lambda: None
        change = _Change(call.paths, self._undoing(call))
        return lambda: self._changes.append(change)

    def cut(self) -> None:
        """Afterwards the directory is as the disk was left."""
        kept = {inode: content.survivors(self._random) for inode, content in self._contents.items()}
        for inode, path in self._files():
            if inode in kept:
                self._put(path, kept[inode])
        self._contents.clear()
        for change in reversed(self._lost()):
            change.undo()

    def _lost(self) -> list[_Change]:
        """Of changes to the same name a later one never survives an earlier one."""
        lost, touched = [], set[str]()
        share = self._random.choice((0.2, 0.5, 0.9))
        for change in self._changes:
            if self._random.random() < share or touched.intersection(change.paths):
                lost.append(change)
                touched.update(change.paths)
        return lost

    def _files(self) -> list[tuple[int, str]]:
        paths = [os.path.join(top, name) for top, _, names in os.walk(self._root) for name in names]
        return [(os.lstat(path).st_ino, path) for path in paths]

    def _content(self, path: str) -> _Content:
        inode = os.stat(path).st_ino
        if inode not in self._contents:
            with open(path, "rb") as file:
                self._contents[inode] = _Content(file.read())
        return self._contents[inode]

    def _sync(self, fd: int, path: str) -> None:
        if os.path.isdir(path):
            for change in self._changes:
                change.unsynced.discard(path)
            self._changes = [change for change in self._changes if change.unsynced]
        else:
            self._contents.pop(os.fstat(fd).st_ino, None)

    def _note_write(self, fd: int, start: int, call: Call) -> None:
        inode = os.fstat(fd).st_ino
        end = os.fstat(fd).st_size
        with open(f"/proc/self/fd/{fd}", "rb") as file:
            whole = file.read()
        content = self._contents.setdefault(inode, _Content(whole[:start]))
        content.writes.append((start, whole[start:end]) if end > start else (0, call.content))

    def _note_open(self, path: str, cuts: bool) -> Callable[[], None]:
        if os.path.exists(path):
            if cuts:
                self._content(path).was_cut = True
                self._content(path).writes.clear()
            return lambda: None

        def behind() -> None:
            inode = os.stat(path).st_ino
            self._contents[inode] = _Content(b"")
            self._changes.append(_Change([path], lambda: self._forget(inode)))

        return behind

    def _forget(self, inode: int) -> None:
        for found, path in self._files():
            if found == inode:
                self._calls.unlink(path)

    def _undoing(self, call: Call) -> Callable[[], None]:
        path, target = call.paths[0], call.paths[-1]
        old = self._saved(path if call.name == "unlink" else target)

        def undo() -> None:
            if call.name in ("link", "symlink"):
                self._remove(target)
            elif call.name == "mkdir":
                self._remove(path)
            elif call.name == "rmdir":
                self._put(path, None)
            elif call.name == "unlink":
                self._put(path, old)
            elif os.path.lexists(target) and os.path.isdir(os.path.dirname(path)):
                self._calls.rename(target, path)
                if old != b"\0absent":
                    self._put(target, old)

        return undo

    def _saved(self, path: str) -> bytes | None:
        """Content of a file, None for a directory."""
        if not os.path.lexists(path):
            return b"\0absent"
        if os.path.isdir(path):
            return None
        with open(path, "rb") as file:
            return file.read()

    def _put(self, path: str, content: bytes | None) -> None:
        if not os.path.isdir(os.path.dirname(path)):
            return
        if content is None:
            if not os.path.isdir(path):
                self._calls.mkdir(path)
            return
        fd = self._calls.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._calls.write(fd, content)
        os.close(fd)

    def _remove(self, path: str) -> None:
        if os.path.isdir(path) and not os.path.islink(path):
            for name in os.listdir(path):
                self._remove(os.path.join(path, name))
            self._calls.rmdir(path)
        elif os.path.lexists(path):
            self._calls.unlink(path)
