"""The seam between the repository and the file system: every file operation of the repository goes through a Storage.

Names are relative to the repository, with `/` between directory and file. Segment files only grow, by one writer, and never
change once closed. Nothing in here knows segments, transactions or formats. (Locks are apart: see `locking`.)
"""

from __future__ import annotations

import os

from vinculum.platform.files import erase_file, named, sync_directory, write_all, write_durably

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from vinculum._native import Blob
else:
    Protocol = object


class AppendFile(Protocol):
    """A new file that grows. Nothing is buffered: what was written is visible to readers at once."""

    def write(self, *parts: Blob) -> None:
        """Appends all parts; after an error an unknown piece of them may be in the file."""

    def sync(self) -> None:
        """Waits until the content is on disk."""

    def close(self) -> None: ...


class Storage(Protocol):
    """File operations; each raises OSError like the system call it stands for."""

    def create(self, name: str) -> AppendFile:
        """Creates a file that must not exist yet, in a directory that must."""

    def open(self, name: str) -> int:
        """A descriptor to read the file with; the caller gives it back by `close`."""

    def close(self, fd: int) -> None: ...

    def read_at(self, fd: int, offset: int, size: int) -> bytes:
        """Up to `size` bytes at an offset of a file opened by `open`."""

    def read(self, name: str) -> bytes:
        """The whole content of a small file."""

    def write(self, name: str, content: Blob) -> None:
        """Writes a whole file, truncating what was there; its content is on disk on return, its directory entry is not."""

    def append(self, name: str, content: bytes) -> None:
        """Appends to a file, creating it if needed; on disk on return."""

    def list(self, directory: str) -> list[str]:
        """The names in a directory, in no order; "" is the repository itself."""

    def size(self, name: str) -> int: ...
    def link_count(self, name: str) -> int: ...
    def link(self, name: str, new_name: str) -> None: ...
    def rename(self, name: str, new_name: str) -> None: ...
    def delete(self, name: str) -> None: ...

    def erase(self, name: str) -> None:
        """Deletes a file after overwriting its content, if this is its only link."""

    def truncate(self, name: str) -> None:
        """Makes a file empty."""

    def make_directory(self, name: str) -> None: ...
    def remove_directory(self, name: str) -> None: ...

    def sync_directory(self, name: str) -> None:
        """Waits until creations, renames and deletions in a directory are on disk."""

    def free_space(self) -> int:
        """How many bytes may still be written by us."""


class _LocalAppendFile:
    __slots__ = ("_fd", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def write(self, *parts: Blob) -> None:
        try:
            write_all(self._fd, *parts)
        except OSError as error:
            raise named(error, self._path) from None

    def sync(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise named(error, self._path) from None

    def close(self) -> None:
        os.close(self._fd)


class LocalStorage:
    """A directory of the local file system."""

    __slots__ = ("_root",)

    def __init__(self, root: str) -> None:
        self._root = root

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def create(self, name: str) -> AppendFile:
        return _LocalAppendFile(self._path(name))

    def open(self, name: str) -> int:
        return os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        os.close(fd)

    def read_at(self, fd: int, offset: int, size: int) -> bytes:
        return os.pread(fd, size, offset)

    def read(self, name: str) -> bytes:
        with open(self._path(name), "rb", buffering=0) as file:
            return file.readall()

    def write(self, name: str, content: Blob) -> None:
        write_durably(self._path(name), content)

    def append(self, name: str, content: bytes) -> None:
        fd = os.open(self._path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            write_all(fd, content)
            os.fsync(fd)
        except OSError as error:
            raise named(error, self._path(name)) from None
        finally:
            os.close(fd)

    def list(self, directory: str) -> list[str]:
        return os.listdir(self._path(directory))

    def size(self, name: str) -> int:
        return os.stat(self._path(name)).st_size

    def link_count(self, name: str) -> int:
        return os.stat(self._path(name)).st_nlink

    def link(self, name: str, new_name: str) -> None:
        os.link(self._path(name), self._path(new_name))

    def rename(self, name: str, new_name: str) -> None:
        os.rename(self._path(name), self._path(new_name))

    def delete(self, name: str) -> None:
        os.unlink(self._path(name))

    def erase(self, name: str) -> None:
        erase_file(self._path(name))

    def truncate(self, name: str) -> None:
        os.truncate(self._path(name), 0)

    def make_directory(self, name: str) -> None:
        os.mkdir(self._path(name))

    def remove_directory(self, name: str) -> None:
        os.rmdir(self._path(name))

    def sync_directory(self, name: str) -> None:
        sync_directory(self._path(name))

    def free_space(self) -> int:
        status = os.statvfs(self._root)
        return status.f_bavail * status.f_frsize


def replace_file(storage: Storage, name: str, content: bytes) -> None:
    """Replaces a small file as a whole, durably: readers find the old content or the new one, whatever happens."""
    temporary = f"{name}-{os.urandom(4).hex()}.tmp"
    try:
        storage.write(temporary, content)
        storage.rename(temporary, name)
    except OSError:
        try:
            storage.delete(temporary)
        except OSError:
            pass  # the first error tells more
        raise
    storage.sync_directory("")


def delete_tree(storage: Storage, name: str) -> None:
    """Deletes a file, or a directory with all that is in it."""
    try:
        storage.delete(name)
    except IsADirectoryError:
        for entry in storage.list(name):
            delete_tree(storage, f"{name}/{entry}")
        storage.remove_directory(name)
