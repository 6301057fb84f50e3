"""The files of which locks consist, as the real programs have them.

    lock.exclusive/<host id>.<pid>-<thread>   the door: a directory with the holder's name in it
    lock.roster                               JSON, who holds locks of which kind; touched only while holding the door

A door is only ever taken by renaming a complete directory into place: one that is empty protects nothing. What processes left
that are known to be dead is removed, what those of other hosts have never is. All of it lives on the file system of the thing
it guards and does not go through Storage.
"""

from __future__ import annotations

import errno
import json
import os
import time

from vinculum.errors import LockFailed, LockTimeout, NotLocked, NotMyLock
from vinculum.formats.json_text import parse_json
from vinculum.platform.files import remove_if_present
from vinculum.platform.identity import host_id, process_is_alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vinculum.events import Sink

    Locker = tuple[str, int, int]  # host id, process id, thread (always 0)

SHARED, EXCLUSIVE = "shared", "exclusive"
DOOR, ROSTER = "lock.exclusive", "lock.roster"
_LONGEST_POLL_S = 1.0


class Door:
    """The lock.exclusive directory, for the locker `me`; `name` is what people are told of it."""

    def __init__(self, path: str, me: Locker, sink: Sink | None, name: str) -> None:
        self.path = path
        self.name = name
        self._me = me
        self._sink = sink
        self._mine = f"{me[0]}.{me[1]}-{me[2]:x}"
        self._temporary = f"{path}.{os.urandom(4).hex()}.tmp"

    def acquire(self, deadline: float | None, timeout_s: float | None) -> None:
        """Takes it, unless that was done; the deadline is on the monotonic clock. LockTimeout, LockFailed."""
        if self.is_mine():
            return
        mine = os.path.join(self._temporary, self._mine)
        try:
            os.mkdir(self._temporary)
            os.close(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        except OSError as error:
            remove_if_empty(self._temporary)
            raise LockFailed(self.name, error.strerror) from None
        try:
            self._move_in(deadline, timeout_s)
        except BaseException:
            self.clean_up()
            raise

    def clean_up(self) -> None:
        """Removes what was made to be moved in, if that is still there."""
        remove_if_present(os.path.join(self._temporary, self._mine))
        remove_if_empty(self._temporary)

    def _move_in(self, deadline: float | None, timeout_s: float | None) -> None:
        while True:
            try:
                os.rename(self._temporary, self.path)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise LockFailed(self.name, error.strerror) from None
            if self._remove_stale():
                continue
            poll_s = _LONGEST_POLL_S
            if deadline is not None and timeout_s is not None:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise LockTimeout(self.name)
                poll_s = min(poll_s, timeout_s / 10, left_s)
            time.sleep(poll_s)

    def is_mine(self) -> bool:
        """Whether its holder's name is ours."""
        return os.path.lexists(os.path.join(self.path, self._mine))

    def release(self) -> None:
        """Gives it back. NotLocked or NotMyLock if somebody broke it meanwhile."""
        try:
            os.unlink(os.path.join(self.path, self._mine))
        except FileNotFoundError:
            raise (NotMyLock if os.path.lexists(self.path) else NotLocked)(self.name) from None
        remove_if_empty(self.path)

    def _remove_stale(self) -> bool:
        """Removes the names of dead processes; True if nobody is left."""
        try:
            names = os.listdir(self.path)
        except OSError:
            return False
        alive = False
        for name in names:
            locker = parse_name(name)
            if locker is None or not _is_stale(locker):
                alive = True
                continue
            remove_if_present(os.path.join(self.path, name))
            if self._sink is not None:
                text = f"Removed the lock that process {locker[1]} left behind when it died: {self.name}"
                self._sink.warning(text, modern_code=0)
        if not alive:
            remove_if_empty(self.path)
        return not alive


class Roster:
    """The lock.roster file; `name` as above. Its users hold the door."""

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name
        self._temporary = f"{path}.{os.urandom(4).hex()}.tmp"

    def lists(self, locker: Locker) -> bool:
        """Whether it is a holder of either kind."""
        return any(locker in lockers for lockers in self.load().values())

    def load(self) -> dict[str, list[Locker]]:
        """Who holds which kind of lock, without those that are dead."""
        try:
            with open(self.path, "rb", buffering=0) as file:
                content: Any = parse_json(file.readall())
            return {
                kind: [locker for host, pid, thread in content.get(kind, ()) if not _is_stale(locker := (host, pid, thread))]
                for kind in (SHARED, EXCLUSIVE)
            }
        except FileNotFoundError:
            pass
        except (ValueError, TypeError, AttributeError):
            pass  # the real programs take a torn roster for an empty one
        return {SHARED: [], EXCLUSIVE: []}

    def change(self, kind: str, locker: Locker, *, add: bool) -> bool:
        """Adds or removes a locker; False if there was nothing to remove."""
        roster = self.load()
        known = locker in roster[kind]
        if add and not known:
            roster[kind].append(locker)
        elif not add and known:
            roster[kind].remove(locker)
        if any(roster.values()):
            self._save(roster)
        else:
            remove_if_present(self.path)
        return add or known

    def _save(self, roster: dict[str, list[Locker]]) -> None:
        # By rename, since a crash in the middle would forget other readers.
        try:
            _remove_litter(os.path.dirname(self.path))
            with open(self._temporary, "x", encoding="utf-8") as file:
                file.write(json.dumps(roster))
            os.rename(self._temporary, self.path)
        except OSError as error:
            self.clean_up()
            raise LockFailed(self.name, error.strerror) from None

    def clean_up(self) -> None:
        """Removes what was written to become the roster, if that is still there."""
        remove_if_present(self._temporary)


def _remove_litter(directory: str) -> None:
    """Removes what processes left beside the locks that died while they took or changed one. The caller holds the door."""
    for name in os.listdir(directory):
        if not name.endswith(".tmp"):
            continue
        path = os.path.join(directory, name)
        if name.startswith(ROSTER + "."):
            remove_if_present(path)  # only who holds the door writes one
        elif name.startswith(DOOR + "."):
            try:
                lockers = os.listdir(path)
            except OSError:
                continue  # whoever waits for the door may give up, and take it away, at any moment
            if lockers and all((locker := parse_name(one)) is not None and _is_stale(locker) for one in lockers):
                for one in lockers:
                    remove_if_present(os.path.join(path, one))
                remove_if_empty(path)


def parse_name(name: str) -> Locker | None:
    """Who calls itself so in a door; None if that is nobody's name."""
    rest, dash, thread = name.rpartition("-")
    host, dot, pid = rest.rpartition(".")
    if not dash or not dot:
        return None
    try:
        return host, int(pid), int(thread, 16)
    except ValueError:
        return None


def _is_stale(locker: Locker) -> bool:
    host, pid, thread = locker
    return host == host_id() and thread == 0 and not process_is_alive(pid)


def remove_if_empty(path: str) -> None:
    """Removes a directory; one with something in it stays."""
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise
