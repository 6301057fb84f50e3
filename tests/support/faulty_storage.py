"""Storages that fail on purpose or keep a record, for tests of what a repository is worth after trouble.

Each wraps another storage, so they can be stacked. Calls are counted over the storage and the files it created together.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vinculum.repository.segments import COMMIT_ENTRY, MAGIC
from vinculum.repository.storage import AppendFile, LocalStorage, Storage

_WRITING_FILE = {"file.write", "file.sync", "file.close"}
_WRITING_CONTENT = {"create", "write", "append", "erase", "truncate"}
_WRITING_NAMES = {"link", "rename", "delete", "make_directory", "remove_directory", "sync_directory"}
WRITING = _WRITING_FILE | _WRITING_CONTENT | _WRITING_NAMES


class Killed(BaseException):
    """The process is gone: this storage does nothing any more. Not an Exception, so that no clean-up mistakes it for one."""


class _Intercepting:
    """Sends every call of a storage, and of its files, through `_call(name, args, act)`."""

    def __init__(self, inner: Storage) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def intercepted(*args: Any) -> Any:
            result = self._call(name, args, method)
            return _InterceptedFile(self, result) if name == "create" else result

        return intercepted

    def _call(self, name: str, args: tuple[Any, ...], act: Callable[..., Any]) -> Any:
        raise NotImplementedError


class _InterceptedFile:
    def __init__(self, owner: _Intercepting, inner: AppendFile) -> None:
        self._owner = owner
        self._inner = inner

    def write(self, *parts: Any) -> None:
        self._owner._call("file.write", parts, self._inner.write)

    def sync(self) -> None:
        self._owner._call("file.sync", (), self._inner.sync)

    def close(self) -> None:
        self._owner._call("file.close", (), self._inner.close)


class RecordingStorage(_Intercepting):
    """Notes (call, first argument) of everything; writes of data are noted without it."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.calls: list[tuple[str, Any]] = []

    def _call(self, name: str, args: tuple[Any, ...], act: Callable[..., Any]) -> Any:
        self.calls.append((name, None if name == "file.write" or not args else args[0]))
        return act(*args)

    def count(self, name: str) -> int:
        return sum(called == name for called, _ in self.calls)


class FaultyStorage(_Intercepting):
    """Fails at the n-th call (from 0) that changes something.

    `fault` is an errno (the call does nothing and raises it; a write does half its work first), or None for the end of the
    process: from that call on, which may do half its work too, everything raises Killed.
    """

    def __init__(self, inner: Storage, fail_at: int, fault: int | None) -> None:
        super().__init__(inner)
        self._fail_at = fail_at
        self._fault = fault
        self._count = 0
        self._closers: dict[object, Callable[[], object]] = {}  # of what is open
        self.failed = ""

    @property
    def count(self) -> int:
        """How many calls that change something there were."""
        return self._count

    def bury(self) -> None:
        """Closes what is still open, as the system does for a process that is gone; this one lives on."""
        while self._closers:
            self._closers.popitem()[1]()

    def _call(self, name: str, args: tuple[Any, ...], act: Callable[..., Any]) -> Any:
        if self.failed and self._fault is None:
            raise Killed(self.failed)
        if name not in WRITING:
            return self._act(name, args, act)
        self._count += 1
        if self._count != self._fail_at + 1:
            return self._act(name, args, act)
        self.failed = name
        if name == "file.write":
            whole = b"".join(bytes(part) for part in args)
            act(whole[: len(whole) // 2])
        elif name in ("write", "append"):
            act(args[0], bytes(args[1])[: len(args[1]) // 2])
        elif name == "file.close":
            self._act(name, args, act)  # the descriptor is gone in any case
        if self._fault is None:
            raise Killed(name)
        raise OSError(self._fault, os.strerror(self._fault))

    def _act(self, name: str, args: tuple[Any, ...], act: Callable[..., Any]) -> Any:
        result = act(*args)
        if name == "open":
            self._closers[result] = lambda: self._inner.close(result)
        elif name == "close":
            del self._closers[args[0]]
        elif name == "create":
            self._closers[result] = result.close
        elif name == "file.close":
            del self._closers[act.__self__]  # type: ignore[attr-defined]
        return result


class FullStorage(_Intercepting):
    """A disk of limited size: what would go beyond `capacity` bytes of segments fails with ENOSPC halfway.

    With `unlink_needs_space` not even deleting works once it is full, until a file was truncated.
    """

    def __init__(self, inner: Storage, capacity: int, *, unlink_needs_space: bool = False) -> None:
        super().__init__(inner)
        self._left = capacity
        self._unlink_needs_space = unlink_needs_space
        self.truncated: list[str] = []

    def _call(self, name: str, args: tuple[Any, ...], act: Callable[..., Any]) -> Any:
        if name == "file.write":
            whole = b"".join(bytes(part) for part in args)
            fitting = min(len(whole), self._left)
            act(whole[:fitting])
            self._left -= fitting
            if fitting < len(whole):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return None
        if name == "truncate":
            self.truncated.append(args[0])
        elif name == "delete" and self._unlink_needs_space and self._left == 0 and args[0] not in self.truncated:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return act(*args)


class SmallDisk(_Intercepting):
    """A disk with `free` bytes left: whatever is written counts, whatever is deleted or truncated comes back.

    What goes beyond is written as far as it fits and fails with ENOSPC.
    """

    def __init__(self, root: Path, free: int) -> None:
        super().__init__(LocalStorage(str(root)))
        self._root = root
        self._capacity = self._used() + free
        self.was_full = False

    def free_space(self) -> int:
        return max(0, self._capacity - self._used())

    def _used(self) -> int:
        return sum(file.stat().st_size for file in self._root.rglob("*") if file.is_file())

    def _call(self, name: str, args: tuple[Any, ...], act: Callable[..., Any]) -> Any:
        if name == "file.write":
            self._fill(b"".join(map(bytes, args)), act)
        elif name in ("write", "append"):
            if name == "write" and (self._root / args[0]).exists():
                os.truncate(self._root / args[0], 0)
            self._fill(bytes(args[1]), lambda content: act(args[0], content))
        else:
            return act(*args)
        return None

    def _fill(self, content: bytes, write: Callable[[bytes], object]) -> None:
        fitting = content[: self.free_space()]
        write(fitting)
        if len(fitting) < len(content):
            self.was_full = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class PowerCutStorage(_Intercepting):
    """A disk that loses what was not synced: after `cut`, data and directory changes since the last sync are gone, in part.

    Later data may have reached the disk before earlier ones, which read as zeros then.

    Knows local directories only, since it has to undo things behind the repository's back.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(LocalStorage(str(root)))
        self._root = root
        self._unsynced: dict[str, list[tuple[int, int]]] = {}  # file -> where each write since its last sync begins and ends
        self._pending: list[tuple[str, Callable[[], None]]] = []  # directory, how to undo a change in it
        self._current = ""

    def cut(self, choose: Callable[[], bool]) -> None:
        """Ends the power supply. `choose` decides for each change that was not synced whether it is lost."""
        for name, writes in self._unsynced.items():
            path = self._root / name
            if path.exists():
                _lose(path, [write for write in writes if choose()])
        for _, undo in reversed(self._pending):
            if choose():
                undo()

    def _call(self, name: str, args: tuple[Any, ...], act: Callable[..., Any]) -> Any:
        if name == "create":
            result = act(*args)
            self._current = args[0]
            self._unsynced[args[0]] = []
            self._note(args[0], lambda: (self._root / args[0]).unlink(missing_ok=True))
            return result
        if name == "file.write":
            start = (self._root / self._current).stat().st_size
            self._unsynced[self._current].append((start, start + sum(len(part) for part in args)))
        elif name == "file.sync":
            self._unsynced[self._current] = []
        elif name == "sync_directory":
            self._pending = [(directory, undo) for directory, undo in self._pending if directory != args[0]]
        elif name == "make_directory":
            result = act(*args)
            self._note(args[0], lambda: shutil.rmtree(self._root / args[0], ignore_errors=True))
            return result
        elif name in ("write", "delete", "rename", "truncate"):
            self._remember(name, [self._root / arg for arg in args[: 2 if name == "rename" else 1]])
        return act(*args)

    def _remember(self, name: str, paths: list[Path]) -> None:
        """Notes how to bring the files back as they are now; a write syncs its content, not its directory entry."""
        contents = [path.read_bytes() if path.exists() else None for path in paths]
        if name == "write" and contents[0] is not None:
            return

        def undo() -> None:
            for path, content in zip(paths, contents, strict=True):
                if content is None:
                    path.unlink(missing_ok=True)
                elif path.parent.exists():
                    path.write_bytes(content)

        self._note(str(paths[0].relative_to(self._root)), undo)

    def _note(self, name: str, undo: Callable[[], None]) -> None:
        self._pending.append((os.path.dirname(name), undo))


def _lose(path: Path, writes: list[tuple[int, int]]) -> None:
    size = path.stat().st_size
    for start, stop in reversed(writes):
        if stop >= size:
            size = min(size, start)
            os.truncate(path, size)
        else:
            with open(path, "r+b") as file:
                file.seek(start)
                file.write(bytes(stop - start))


class CommitWatch(_Intercepting):
    """Sees to it that nothing is committed before it is durable, and counts the commits.

    When a COMMIT is written, all else in its segment has been synced, and the segments before it with their directories. Before
    a segment is deleted or an index written on the strength of it, it is durable itself.
    """

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.commits_at_once = 0
        """COMMITs in a segment of their own."""
        self.commits_after_entries = 0
        self._dirty: set[str] = set()  # what was not synced: files that were written, directories in which one was created
        self._written = b""

    def _call(self, name: str, args: tuple[Any, ...], act: Callable[..., Any]) -> Any:
        directory = os.path.dirname(str(args[0])) if args else ""
        if name == "create":
            assert not self._dirty, f"{args[0]} is begun while {self._dirty} are not on the disk"
            file = act(*args)
            self._dirty.add(directory)
            self._written = b""
            return file
        if name == "make_directory":
            self._dirty.add(directory)
        elif name == "file.write":
            self._note_write(b"".join(map(bytes, args)))
        elif name == "file.sync":
            self._dirty.discard("file")
        elif name == "sync_directory":
            self._dirty.discard(args[0])
        elif (name == "delete" and directory.startswith("data")) or name == "write":
            assert not self._dirty, f"{name} {args[0]} while {self._dirty} are not on the disk"
        return act(*args)

    def _note_write(self, content: bytes) -> None:
        if content.endswith(COMMIT_ENTRY):
            if self._written == MAGIC:
                self.commits_at_once += 1
            else:
                assert "file" not in self._dirty, "a COMMIT is written after entries that are not on the disk"
                self.commits_after_entries += 1
        self._written += content
        self._dirty.add("file")
