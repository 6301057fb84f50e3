"""Durable small files: atomic replacement, directory syncs, erasure of secrets.

Every new file gets its mode from the process' umask, unless less is asked for. Paths may be `str` or `bytes`.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Blob

_ERASE_BLOCK = 1 << 20
_MOST_PARTS = 1024  # that one system call takes (IOV_MAX of Linux)


def write_atomically(path: str | bytes, content: Blob, mode: int = 0o666) -> None:
    """Replaces the file at `path` as a whole; durable on return. Its temporary name is `<path>-XXXXXXXX.tmp`."""
    target = os.fsencode(path)
    temporary = b"%s-%s.tmp" % (target, os.urandom(4).hex().encode())
    try:
        write_durably(temporary, content, mode)
        os.rename(temporary, target)
    except BaseException:
        remove_if_present(temporary)
        raise
    sync_directory(os.path.dirname(target) or b".")


def write_durably(path: str | bytes, content: Blob, mode: int = 0o666) -> None:
    """Writes a file (truncating what was there) and waits until its content is on disk. Its directory is not synced."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        write_all(fd, content)
        os.fsync(fd)
    except OSError as error:
        raise named(error, path) from None
    finally:
        os.close(fd)


def named(error: OSError, path: str | bytes) -> OSError:
    """The same error with the name of the file: what is called with a descriptor does not know it, but users want to."""
    return error if error.filename is not None else OSError(error.errno, error.strerror, os.fsdecode(path))


def write_all(fd: int, *parts: Blob) -> None:
    """Writes the parts one after the other, however many system calls that takes."""
    views = deque(memoryview(part) for part in parts if len(part))
    while views:
        written = os.writev(fd, list(islice(views, _MOST_PARTS)))
        while views and written >= len(views[0]):
            written -= len(views.popleft())
        if written:
            views[0] = views[0][written:]


def sync_directory(path: str | bytes) -> None:
    """Makes creations, renames and deletions in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network file systems cannot sync directories and say so with EINVAL.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(fd)


def erase_file(path: str | bytes) -> None:
    """Overwrites a file with random bytes, unless it has other links, and unlinks it."""
    with open(path, "r+b", buffering=0) as file:
        status = os.fstat(file.fileno())
        if status.st_nlink == 1:
            left = status.st_size
            while left > 0:
                block = min(left, _ERASE_BLOCK)
                write_all(file.fileno(), os.urandom(block))
                left -= block
            os.fsync(file.fileno())
    os.unlink(path)


def remove_if_present(path: str | bytes) -> None:
    """Unlinks a file that may have been unlinked already."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
