"""One connection beside the main one: as it comes to be, what it was given to do, and how long it has done nothing."""

from __future__ import annotations

from collections import deque
from time import monotonic

from vinculum.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vinculum._native import SealedBatch
    from vinculum.remote.calls import Calls
    from vinculum.remote.connection import Connection

# What a lane holds that was sent or received ahead.
LANE_BYTES = 8 << 20
# So long nothing moves on a lane that owes something, while the main connection gets its answers: then it is done without.
PATIENCE_S = 30.0
TICK_S = 1.0  # for so long somebody who waits does not look after the lanes


class Coming:
    """A connection that may become a lane."""

    __slots__ = ("_negotiation", "_opening", "connection")

    def __init__(self, connection: Connection, method: str, arguments: Mapping[str, object]) -> None:
        """Ends the connection if it cannot even be asked. Error."""
        self.connection = connection
        try:
            self._negotiation = connection.start_negotiating()
            self._opening = connection.start(method, [arguments])
        except BaseException:
            connection.abandon()
            raise

    def look(self) -> bool | None:
        """Whether it may be used; None if that is not known yet."""
        try:
            self.connection.attend()
            if not self._opening.is_answered:
                return None
            self.connection.finish_negotiating(self._negotiation)
        except Error:
            return False
        return not self._opening.has_failures


class Watch:
    """Knows how long a connection has owed something without moving anything."""

    __slots__ = ("_connection", "_looked", "_quiet_s", "_state")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._state = (0, 0)
        self._looked = monotonic()
        self._quiet_s = 0.0

    def look(self, *, is_excused: bool = False) -> float:
        """So many seconds, without those that are excused, or in which nobody looked: who sleeps must not blame others."""
        connection = self._connection
        before, self._looked = self._looked, monotonic()
        state = (connection.moved_bytes, connection.unsent_bytes)
        if state != self._state or not connection.unanswered:
            self._state, self._quiet_s = state, 0.0
        elif not is_excused:
            self._quiet_s += min(self._looked - before, 2 * TICK_S)
        return self._quiet_s


class Lane:
    """A connection that may be used, and what it was given to put and is not known to have been put."""

    __slots__ = ("_watch", "connection", "is_broken", "puts")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_broken = False
        self.puts: deque[tuple[Calls | None, SealedBatch, int, int]] = deque()
        self._watch = Watch(connection)

    def has_room_for(self, size: int) -> bool:
        """Whether that many bytes more would not be too much to be waiting here."""
        unsent = self.connection.unsent_bytes
        return not unsent or unsent + size <= LANE_BYTES

    def put(self, sealed: SealedBatch, start: int, stop: int) -> None:
        """Has it put the objects from `start` to `stop` of a batch, for which there must be room."""
        calls = None
        try:
            calls = self.connection.start_puts(sealed, start, stop)
        except Error:
            self.is_broken = True
        self.puts.append((calls, sealed, start, stop))

    def attend(self, *, may_be_late: bool) -> None:
        """Takes what has come, and sends what there is room for."""
        try:
            self.connection.attend()
        except Error:
            self.is_broken = True
        if self._watch.look(is_excused=may_be_late) > PATIENCE_S:
            self.is_broken = True

    def forget_done(self) -> None:
        """Drops what was put; raises the first failure."""
        while self.puts:
            calls = self.puts[0][0]
            if calls is None or not calls.is_answered:
                return
            self.puts.popleft()
            self.connection.values(calls)
