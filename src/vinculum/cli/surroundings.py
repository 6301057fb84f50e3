"""What can be seen around a place about which something is wrong: repositories nearby, who holds a lock, whose a file is.

For advice: only looks, and where it may not look, says nothing.
"""

from __future__ import annotations

import os
import pwd
import shlex

from vinculum.cli import suggestions
from vinculum.platform.identity import host_id
from vinculum.repository.locking import holders

_MOST_NEIGHBOURS = 1000
_MOST_HOLDERS = 3
_LONGEST_COMMAND = 60


def is_repository(path: str) -> bool:
    return os.path.isfile(os.path.join(path, "config")) and os.path.isdir(os.path.join(path, "data"))


def repositories_beside(path: str) -> list[str]:
    """Repositories in the same directory that have nearly the name of a path which does not exist."""
    beside = {os.path.basename(place): place for place in _inside(os.path.dirname(path))}
    return [beside[name] for name in suggestions.closest(os.path.basename(path), beside) if is_repository(beside[name])]


def repositories_around(path: str) -> list[str]:
    """Repositories which a directory is in, or which are in it."""
    return [place for place in (os.path.dirname(path), *_inside(path)) if is_repository(place)]


def _inside(path: str) -> list[str]:
    try:
        return [os.path.join(path, name) for name in sorted(os.listdir(path))[:_MOST_NEIGHBOURS]]
    except OSError:
        return []


def lock_holders(directory: str) -> list[str]:
    """Processes that hold a lock of a directory; some of them if there are many."""
    return [_process(host, pid) for host, pid, _ in holders(directory)[:_MOST_HOLDERS]]


def _process(host: str, pid: int) -> str:
    if host != host_id():
        return f"process {pid} on {host.partition('@')[0]}"
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = os.fsdecode(file.read()).rstrip("\0").split("\0")
    except OSError:
        return f"process {pid}"
    if len(words) > 1 and os.path.basename(words[0]).startswith("python"):
        del words[0]  # people know what they started
    command = shlex.join([os.path.basename(words[0]), *words[1:]])
    return f"process {pid} ({command if len(command) <= _LONGEST_COMMAND else command[:_LONGEST_COMMAND] + '...'})"


def owner(path: str) -> tuple[str, int] | None:
    """The first on the way up from a path that can be looked at, and the user id that it belongs to."""
    while True:
        try:
            return path, os.stat(path).st_uid
        except OSError:
            path, below = os.path.dirname(path), path
            if path == below:
                return None


def user(uid: int) -> str:
    """A user's name, or the id if there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
