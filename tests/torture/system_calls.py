"""Every system call by which this process changes files below one directory goes through one function first.

The repository and all that a client keeps pass here: what goes through `Storage`, the cache with its undo log, security
records, key files and locks. Pipes, sockets and files elsewhere do not count.
"""

from __future__ import annotations

import builtins
import io
import os
import stat
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

BY_DESCRIPTOR = ("write", "writev", "pwrite", "fsync", "fdatasync", "ftruncate", "copy_file_range")
BY_NAME = ("rename", "replace", "link", "symlink", "unlink", "remove", "mkdir", "rmdir", "truncate")
WRITES = ("write", "writev", "file.write", "copy_file_range")
SYNCS = ("fsync", "fdatasync")
WITH_TWO_NAMES = ("rename", "replace", "link", "symlink")
CHANGING = os.O_CREAT | os.O_TRUNC
OPENING = {"w": os.O_TRUNC, "x": os.O_EXCL, "a": os.O_APPEND}


class Call(NamedTuple):
    """A call that is about to happen."""

    name: str
    paths: list[str]
    args: tuple[Any, ...]

    @property
    def content(self) -> bytes:
        """What is to be written."""
        if self.name == "writev":
            return b"".join(map(bytes, self.args[1]))
        return bytes(self.args[1]) if self.name in ("write", "file.write") else b""


class Watcher(Protocol):
    """Decides what becomes of a call: does it by `act`, raises, or never returns."""

    def __call__(self, call: Call, act: Callable[[], Any]) -> Any: ...


class SystemCalls:
    """The real calls, under their own names; `watch` puts a watcher before them, for good."""

    def __init__(self, root: str) -> None:
        self._root = f"{root}/"
        self._real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in (*BY_DESCRIPTOR, *BY_NAME, "open")}
        self._real_fdopen, self._real_open = os.fdopen, builtins.open
        self._watcher: Watcher = lambda _, act: act()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._real[name]

    def watch(self, watcher: Watcher) -> None:
        self._watcher = watcher
        for name in BY_DESCRIPTOR:
            setattr(os, name, partial(self._by_descriptor, name))
        for name in BY_NAME:
            setattr(os, name, partial(self._by_name, name))
        os.open = self._open  # type: ignore[assignment]
        os.fdopen = self._open_descriptor  # type: ignore[assignment]
        builtins.open = io.open = self._open_file  # type: ignore[assignment]

    def _by_descriptor(self, name: str, fd: int, *args: Any) -> Any:
        # The second argument of this one is what it writes to.
        path = self.path_of(args[0] if name == "copy_file_range" else fd)
        if path is None:
            return self._real[name](fd, *args)
        return self._watcher(Call(name, [path], (fd, *args)), lambda: self._real[name](fd, *args))

    def _by_name(self, name: str, *args: Any, **options: Any) -> Any:
        directory = options.get("dir_fd")
        paths = [self._whole(path, directory) for path in args[: 2 if name in WITH_TWO_NAMES else 1]]
        if not all(path.startswith(self._root) for path in paths):
            return self._real[name](*args, **options)
        kind = {"replace": "rename", "remove": "unlink"}.get(name, name)
        return self._watcher(Call(kind, paths, args), lambda: self._real[name](*args, **options))

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        def act() -> Any:
            return self._real["open"](path, flags, mode, dir_fd=dir_fd)

        whole = self._whole(path, dir_fd)
        is_change = flags & CHANGING and whole.startswith(self._root)
        return int(self._watcher(Call("open", [whole], (path, flags)), act) if is_change else act())

    def _open_file(self, file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        kind = next((char for char in mode if char in OPENING), None)
        if isinstance(file, int) or kind is None:
            return self._real_open(file, mode, *args, **options)
        opener = options.pop("opener", lambda path, flags: os.open(path, flags, 0o666))
        fd = opener(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | OPENING[kind])
        return _WatchedFile(self._real_open(fd, mode.replace("x", "w"), *args, **options), self, self._watcher)

    def _open_descriptor(self, fd: int, mode: str = "r", *args: Any, **options: Any) -> Any:
        file = self._real_fdopen(fd, mode, *args, **options)
        return _WatchedFile(file, self, self._watcher) if "w" in mode and self.path_of(fd) else file

    def path_of(self, fd: int) -> str | None:
        """Where an open file or directory is, None if that is not our business."""
        mode = os.fstat(fd).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return None
        path = os.readlink(f"/proc/self/fd/{fd}")
        return path if f"{path}/".startswith(self._root) else None

    def _whole(self, path: Any, directory: int | None) -> str:
        text = os.fsdecode(path)
        if directory is not None:
            text = os.path.join(os.readlink(f"/proc/self/fd/{directory}"), text)
        return os.path.abspath(text)


class _WatchedFile:
    """A file object each of whose writes is a call, as if it had no buffer."""

    def __init__(self, file: Any, calls: SystemCalls, watcher: Watcher) -> None:
        self._file = file
        self._calls = calls
        self._watcher = watcher

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _WatchedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: Any) -> int:
        data = content.encode() if isinstance(content, str) else bytes(content)
        fd = self._file.fileno()

        def act() -> int:
            self._file.write(content)
            self._file.flush()
            return len(content)

        return int(self._watcher(Call("file.write", [self._calls.path_of(fd) or ""], (fd, data)), act))
