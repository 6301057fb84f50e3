"""Inode flags of files, as chattr sets them: immutable, append-only, nodump. What cannot be deleted is `release`d first."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path

FS_IOC_GETFLAGS = 0x80086601
FS_IOC_SETFLAGS = 0x40086602
FLAG_IMMUTABLE = 0x10
FLAG_APPEND = 0x20
FLAG_NODUMP = 0x40


def get_flags(path: bytes) -> int:
    """The inode flags of a regular file or directory."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        return int.from_bytes(fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(8)), "little")
    finally:
        os.close(fd)


def change_flags(path: bytes, *, add: int = 0, remove: int = 0) -> None:
    """Sets and clears inode flags of a regular file or directory."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        flags = int.from_bytes(fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(8)), "little")
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, ((flags | add) & ~remove).to_bytes(8, "little"))
    finally:
        os.close(fd)


def release(top: Path) -> None:
    """Takes the immutable and append-only flags away from everything below, so that it can be deleted."""
    for directory, _, names in os.walk(os.fsencode(top)):
        for path in (directory, *(os.path.join(directory, name) for name in names)):
            # A process that is about to end may still take its lock away.
            with contextlib.suppress(FileNotFoundError):
                kind = stat.S_IFMT(os.lstat(path).st_mode)
                if kind in {stat.S_IFREG, stat.S_IFDIR} and get_flags(path) & (FLAG_IMMUTABLE | FLAG_APPEND):
                    change_flags(path, remove=FLAG_IMMUTABLE | FLAG_APPEND)
