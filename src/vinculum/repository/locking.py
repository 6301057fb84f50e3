"""Locks shared with the real programs, in a repository and in a client cache directory.

    lock.exclusive/<host id>.<pid>-<thread>   a directory with the holder's name in it
    lock.roster                               JSON, who holds shared locks; touched only while holding lock.exclusive

A lock is only ever taken by renaming a complete directory into place: one that is empty protects nothing. Locks of processes
that are known to be dead are removed, those of other hosts never. Locks live on the file system of the thing they guard and do
not go through Storage. A Lock is confined to one thread; two Locks of one process do not exclude each other. Whatever a signal
interrupts in here, no lock outlives the command.
"""

from __future__ import annotations

import errno
import json
import os
import time

from vinculum.errors import Error, LockFailed, LockTimeout, NotLocked, NotMyLock
from vinculum.formats.json_text import parse_json
from vinculum.platform import last_resorts
from vinculum.platform.identity import host_id, process_is_alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vinculum.events import Sink

    Locker = tuple[str, int, int]  # host id, process id, thread (always 0)

_READER_POLL_S = 0.2
_LONGEST_POLL_S = 1.0
_LAST_WAIT_S = 1.0
_SHARED, _EXCLUSIVE = "shared", "exclusive"
_DOOR, _ROSTER = "lock.exclusive", "lock.roster"


class Lock:
    """The lock of one directory. `timeout_s` None waits forever, 0 tries once."""

    def __init__(
        self,
        directory: str,
        *,
        exclusive: bool,
        timeout_s: float | None = 1.0,
        sink: Sink | None = None,
        name: str | None = None,
    ) -> None:
        """`name` is what people are told about the directory, if they know it by another one."""
        name = name or directory
        self._me: Locker = (host_id(), os.getpid(), 0)
        self._exclusive = exclusive
        self._timeout_s = timeout_s
        self._door = _Door(os.path.join(directory, _DOOR), self._me, sink, os.path.join(name, _DOOR))
        self._roster = _Roster(os.path.join(directory, _ROSTER), os.path.join(name, _ROSTER))

    @property
    def is_exclusive(self) -> bool:
        """Whether the lock is, or when acquired will be, an exclusive one."""
        return self._exclusive

    def acquire(self) -> None:
        """Takes the lock. LockTimeout if others keep it, LockFailed if the file system does not let us."""
        last_resorts.arrange(self, self._abandon)
        deadline = self._deadline()
        if self._exclusive:
            self._wait_for_readers(deadline)
            return
        self._door.acquire(deadline, self._timeout_s)
        try:
            self._roster.change(_SHARED, self._me, add=True)
        finally:
            self._door.release()

    def release(self) -> None:
        """Gives the lock back. NotLocked or NotMyLock if somebody broke it meanwhile."""
        self._release()
        last_resorts.cancel(self)

    def _release(self) -> None:
        if self._exclusive:
            if self._door.is_mine():
                self._roster.change(_EXCLUSIVE, self._me, add=False)
            self._door.release()
            return
        self._door.acquire(self._deadline(), self._timeout_s)
        try:
            if not self._roster.change(_SHARED, self._me, add=False):
                raise NotLocked(self._roster.name)
        finally:
            self._door.release()

    def upgrade(self) -> None:
        """Turns a shared lock into an exclusive one. Others may write in between: whatever was read before is void.

        If that fails, the lock is a shared one still.
        """
        if not self._exclusive:
            self._wait_for_readers(self._deadline(), upgrading=True)
            self._exclusive = True

    def downgrade(self) -> None:
        """Turns an exclusive lock into a shared one; nobody can write in between."""
        if self._exclusive:
            self._roster.change(_SHARED, self._me, add=True)
            self._roster.change(_EXCLUSIVE, self._me, add=False)
            self._exclusive = False
            self._door.release()

    def _abandon(self) -> None:
        """Gives back all that taking it or giving it back may have left, wherever that was broken off."""
        try:
            self._roster.clean_up()
            self._door.clean_up()
            if self._door.is_mine() or self._roster.lists(self._me):
                self._door.acquire(time.monotonic() + _LAST_WAIT_S, _LAST_WAIT_S)
                try:
                    for kind in (_SHARED, _EXCLUSIVE):
                        self._roster.change(kind, self._me, add=False)
                finally:
                    self._door.release()
            _remove_directory(self._door.path)  # if it is empty, which protects nothing
        except (Error, OSError):
            pass  # whoever comes next finds its holder dead

    def _deadline(self) -> float | None:
        return None if self._timeout_s is None else time.monotonic() + self._timeout_s

    def _wait_for_readers(self, deadline: float | None, *, upgrading: bool = False) -> None:
        """Returns holding the door, entered as exclusive, with nobody in the list of readers."""
        while True:
            self._door.acquire(deadline, self._timeout_s)
            try:
                if upgrading:
                    self._roster.change(_SHARED, self._me, add=False)
                if not self._roster.load()[_SHARED]:
                    self._roster.change(_EXCLUSIVE, self._me, add=True)
                    return
                if upgrading:
                    # Between two tries nobody else may believe that we have stopped reading.
                    self._roster.change(_SHARED, self._me, add=True)
            except BaseException:
                self._door.release()
                raise
            self._door.release()
            if deadline is not None and time.monotonic() >= deadline:
                raise LockTimeout(self._door.name)
            time.sleep(_READER_POLL_S)


def break_lock(directory: str) -> None:
    """Removes every lock of a directory, whoever holds it."""
    roster = os.path.join(directory, _ROSTER)
    if os.path.lexists(roster):
        os.unlink(roster)
    door = os.path.join(directory, _DOOR)
    if os.path.lexists(door):
        for name in os.listdir(door):
            os.unlink(os.path.join(door, name))
        os.rmdir(door)


def holders(directory: str) -> list[Locker]:
    """Who has a lock of a directory now, of either kind, as far as can be seen."""
    try:
        names = os.listdir(os.path.join(directory, _DOOR))
    except OSError:
        names = []
    try:
        listed = _Roster(os.path.join(directory, _ROSTER), _ROSTER).load()
    except OSError:
        listed = {}
    found = [locker for name in names if (locker := _parse_name(name)) is not None]
    return [*found, *(locker for lockers in listed.values() for locker in lockers if locker not in found)]


class _Door:
    """The lock.exclusive directory."""

    def __init__(self, path: str, me: Locker, sink: Sink | None, name: str) -> None:
        self.path = path
        self.name = name
        self._me = me
        self._sink = sink
        self._mine = f"{me[0]}.{me[1]}-{me[2]:x}"
        self._temporary = f"{path}.{os.urandom(4).hex()}.tmp"

    def acquire(self, deadline: float | None, timeout_s: float | None) -> None:
        if self.is_mine():
            return
        mine = os.path.join(self._temporary, self._mine)
        try:
            os.mkdir(self._temporary)
            os.close(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        except OSError as error:
            _remove_directory(self._temporary)
            raise LockFailed(self.name, error.strerror) from None
        try:
            self._move_in(deadline, timeout_s)
        except BaseException:
            self.clean_up()
            raise

    def clean_up(self) -> None:
        """Removes what was made to be moved in, if that is still there."""
        _remove_if_present(os.path.join(self._temporary, self._mine))
        _remove_directory(self._temporary)

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
        return os.path.lexists(os.path.join(self.path, self._mine))

    def release(self) -> None:
        try:
            os.unlink(os.path.join(self.path, self._mine))
        except FileNotFoundError:
            raise (NotMyLock if os.path.lexists(self.path) else NotLocked)(self.name) from None
        _remove_directory(self.path)

    def _remove_stale(self) -> bool:
        """Removes the names of dead processes; True if nobody is left."""
        try:
            names = os.listdir(self.path)
        except OSError:
            return False
        alive = False
        for name in names:
            locker = _parse_name(name)
            if locker is None or not _is_stale(locker):
                alive = True
                continue
            _remove_if_present(os.path.join(self.path, name))
            if self._sink is not None:
                text = f"Removed the lock that process {locker[1]} left behind when it died: {self.name}"
                self._sink.warning(text, modern_code=0)
        if not alive:
            _remove_directory(self.path)
        return not alive


class _Roster:
    """The lock.roster file. Its users hold the door."""

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
                for kind in (_SHARED, _EXCLUSIVE)
            }
        except FileNotFoundError:
            pass
        except (ValueError, TypeError, AttributeError):
            pass  # the real programs take a torn roster for an empty one
        return {_SHARED: [], _EXCLUSIVE: []}

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
            _remove_if_present(self.path)
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
        _remove_if_present(self._temporary)


def _remove_litter(directory: str) -> None:
    """Removes what processes left beside the locks that died while they took or changed one. The caller holds the door."""
    for name in os.listdir(directory):
        if not name.endswith(".tmp"):
            continue
        path = os.path.join(directory, name)
        if name.startswith(_ROSTER + "."):
            _remove_if_present(path)  # only who holds the door writes one
        elif name.startswith(_DOOR + "."):
            try:
                lockers = os.listdir(path)
            except OSError:
                continue  # whoever waits for the door may give up, and take it away, at any moment
            if lockers and all((locker := _parse_name(one)) is not None and _is_stale(locker) for one in lockers):
                for one in lockers:
                    _remove_if_present(os.path.join(path, one))
                _remove_directory(path)


def _parse_name(name: str) -> Locker | None:
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


def _remove_if_present(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _remove_directory(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise
