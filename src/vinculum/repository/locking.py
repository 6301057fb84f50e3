"""Locks shared with the real programs, in a repository and in a client cache directory.

Two Locks of one process do not exclude each other. Whatever a signal interrupts in here or in `lock_files`, no lock outlives
the command.
"""

from __future__ import annotations

import os
import time

from vinculum.errors import Error, LockTimeout, NotLocked
from vinculum.platform import last_resorts
from vinculum.platform.identity import host_id
from vinculum.repository.lock_files import DOOR, EXCLUSIVE, ROSTER, SHARED, Door, Roster, parse_name, remove_if_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.events import Sink
    from vinculum.repository.lock_files import Locker

_READER_POLL_S = 0.2
_LAST_WAIT_S = 1.0


class Lock:
    """The lock of one directory. `timeout_s` None waits forever, 0 tries once. Confined to one thread."""

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
        self._door = Door(os.path.join(directory, DOOR), self._me, sink, os.path.join(name, DOOR))
        self._roster = Roster(os.path.join(directory, ROSTER), os.path.join(name, ROSTER))

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
            self._roster.change(SHARED, self._me, add=True)
        finally:
            self._door.release()

    def release(self) -> None:
        """Gives the lock back. NotLocked or NotMyLock if somebody broke it meanwhile."""
        self._release()
        last_resorts.cancel(self)

    def _release(self) -> None:
        if self._exclusive:
            if self._door.is_mine():
                self._roster.change(EXCLUSIVE, self._me, add=False)
            self._door.release()
            return
        self._door.acquire(self._deadline(), self._timeout_s)
        try:
            if not self._roster.change(SHARED, self._me, add=False):
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
            self._roster.change(SHARED, self._me, add=True)
            self._roster.change(EXCLUSIVE, self._me, add=False)
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
                    for kind in (SHARED, EXCLUSIVE):
                        self._roster.change(kind, self._me, add=False)
                finally:
                    self._door.release()
            remove_if_empty(self._door.path)  # if it is empty, which protects nothing
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
                    self._roster.change(SHARED, self._me, add=False)
                if not self._roster.load()[SHARED]:
                    self._roster.change(EXCLUSIVE, self._me, add=True)
                    return
                if upgrading:
                    # Between two tries nobody else may believe that we have stopped reading.
                    self._roster.change(SHARED, self._me, add=True)
            except BaseException:
                self._door.release()
                raise
            self._door.release()
            if deadline is not None and time.monotonic() >= deadline:
                raise LockTimeout(self._door.name)
            time.sleep(_READER_POLL_S)


def break_lock(directory: str) -> None:
    """Removes every lock of a directory, whoever holds it."""
    roster = os.path.join(directory, ROSTER)
    if os.path.lexists(roster):
        os.unlink(roster)
    door = os.path.join(directory, DOOR)
    if os.path.lexists(door):
        for name in os.listdir(door):
            os.unlink(os.path.join(door, name))
        os.rmdir(door)


def holders(directory: str) -> list[Locker]:
    """Who has a lock of a directory now, of either kind, as far as can be seen."""
    try:
        names = os.listdir(os.path.join(directory, DOOR))
    except OSError:
        names = []
    try:
        listed = Roster(os.path.join(directory, ROSTER), ROSTER).load()
    except OSError:
        listed = {}
    found = [locker for name in names if (locker := parse_name(name)) is not None]
    return [*found, *(locker for lockers in listed.values() for locker in lockers if locker not in found)]
