"""Ways into a tree that nobody vouches for: name by name from its top, through real directories only."""

from __future__ import annotations

import os

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_top(path: bytes) -> int:
    """The directory where ways begin; the path to it may go through symlinks."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def open_directory(top: int, path: bytes) -> int:
    """A descriptor of a directory below one that is open. OSError if a name on the way is no directory, or a symlink to one."""
    directory = os.dup(top)
    for name in path.split(b"/"):
        if not name:
            continue
        try:
            following = os.open(name, _FLAGS, dir_fd=directory)
        finally:
            os.close(directory)
        directory = following
    return directory


def named(directory: int, name: bytes) -> bytes:
    """A path for system calls that take no descriptor beside a name. They must not follow symlinks at its end."""
    return b"/proc/self/fd/%d/%b" % (directory, name)
