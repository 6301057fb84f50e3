"""Further connections to the same server, by which objects travel when there is much to move over a long way.

Each is a conversation of its own with a server process of its own. A server of ours hands it over to the process that works
with the repository; any other is a second reader, which is safe as long as the first one's lock keeps everybody from writing.

Nothing depends on a lane: it is used once it is there, never waited for while it does nothing, and what it did not answer when
it broke is done again by the main connection. Refused, slow, stuck or broken lanes cost no more than the speed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from itertools import accumulate
from select import POLLIN, poll

from vinculum.errors import Error
from vinculum.formats.ids import ID_BYTES
from vinculum.remote.lane import TICK_S, Coming, Lane, Watch
from vinculum.remote.messages import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vinculum._native import SealedBatch
    from vinculum.remote.calls import Calls
    from vinculum.remote.connection import Connection

# How many connections there are by default; more than a few sessions are refused by many servers (sshd's MaxSessions is 10).
DEFAULT_CONNECTIONS = 6
# No lanes for less than this; unless told otherwise, neither where a session's window is no limit.
WORTH_BYTES = 256 << 10
WORTH_ROUND_TRIP_S = 0.005
# What goes by one connection before it is another's turn; less where objects are got, whose sizes are not known before.
_PIECE_BYTES, _GOT_BYTES = 1 << 20, 256 << 10
# What one connection is asked for before it comes: several times what may be under way, so that it stays busy while something
# else is done here.
_AHEAD_BYTES = 8 << 20
_FIRST_GUESS, _LEAST_GUESS = 256 << 10, 16 << 10  # how large objects may be


class Piece:
    """Objects that one connection was asked for together."""

    __slots__ = ("calls", "connection", "ids")

    def __init__(self, ids: bytes) -> None:
        self.ids = ids
        self.connection: Connection | None = None
        self.calls: Calls | None = None


class Fetch:
    """Objects that are wanted: the pieces that were asked for, in order, and how many bytes of `ids` are in them."""

    __slots__ = ("asked", "has_failures", "ids", "pieces")

    def __init__(self, ids: bytes) -> None:
        self.ids = ids
        self.asked = 0
        self.pieces: list[Piece] = []
        self.has_failures = False


class Lanes:
    """What travels by `main` and by lanes beside it. Confined to one thread.

    `open_lane` starts a connection. `count` of them are wanted, `always` or only where that is worth it. `reading` is what one
    asks a server for that does not know lanes, None if it must not.
    """

    def __init__(
        self,
        main: Connection,
        open_lane: Callable[[], Connection],
        count: int,
        *,
        always: bool,
        reading: Mapping[str, object] | None,
    ) -> None:
        self._main = main
        self._open_lane = open_lane
        self._wanted = count
        self._always = always
        self._reading = reading
        # Asked for before there is anything behind which the answer would have to wait.
        self._invitation: Calls | None = main.start("invite", [{}]) if count else None
        self._main_watch = Watch(main)
        self._may_put = False
        self._coming: list[Coming] = []
        self._lanes: list[Lane] = []
        self._fetches: deque[Fetch] = deque()  # of which not everything was asked for
        self._usual_bytes = _FIRST_GUESS

    # -- putting -------------------------------------------------------------------------------------------------------

    def put(self, sealed: SealedBatch) -> None:
        """Sends them without waiting for more than room. Raises what came of earlier ones."""
        self._attend()
        if not self._may_put or not self._lanes:
            self._main.send_puts(sealed)
            return
        ends = list(accumulate(sealed.sizes()))
        start, done = 0, 0
        while start < len(ends):
            stop = max(bisect_right(ends, done + _PIECE_BYTES), start + 1)
            size = ends[stop - 1] - done
            free = [lane for lane in self._lanes if lane.has_room_for(size)]
            best = min(free, key=lambda lane: lane.connection.unsent_bytes, default=None)
            if best is None or self._main.unsent_bytes <= best.connection.unsent_bytes:
                self._main.send_puts(sealed, start, stop)
            else:
                best.put(sealed, start, stop)
                self._collect(best)
            start, done = stop, done + size

    def settle(self) -> None:
        """Waits until everything that lanes were given to put is put, by them or otherwise; raises the first failure."""
        if any(lane.puts for lane in self._lanes):
            self._attend()
        while any(lane.puts for lane in self._lanes):
            self._wait()

    # -- getting -------------------------------------------------------------------------------------------------------

    def start_getting(self, ids: bytes) -> Fetch:
        """Asks for objects that are wanted soon, as far as that is any use now."""
        self.settle()  # they may be among those
        fetch = Fetch(ids)
        self._fetches.append(fetch)
        self._attend()
        self._ask()
        return fetch

    def finish(self, fetch: Fetch) -> list[object]:
        """What came of it: objects, and a `Failure` where there is none."""
        results: list[object] = []
        at = 0
        while at < len(fetch.pieces) or fetch.asked < len(fetch.ids):
            part = self._finish(fetch.pieces[at]) if at < len(fetch.pieces) else None
            if part is None:
                self._wait()
                self._ask()
            else:
                results += part
                at += 1
        fetch.has_failures = any(piece.calls is not None and piece.calls.has_failures for piece in fetch.pieces)
        return results

    def _finish(self, piece: Piece) -> list[object] | None:
        """What came of a piece; None if that is not known yet. What a lane could not do, the main connection is asked for."""
        connection, calls = piece.connection, piece.calls
        assert connection is not None
        assert calls is not None
        if calls.is_answered and (connection is self._main or not calls.has_failures):
            return connection.finish(calls)
        if connection is not self._main and (calls.is_answered or connection.is_dead):
            self._ask_for(piece, self._main)
        return None

    def _ask(self) -> None:
        """Asks for as much as it takes to keep all connections busy."""
        while self._fetches:
            connection = min((self._main, *(lane.connection for lane in self._lanes)), key=lambda one: one.unanswered)
            if self._may_spread and connection.unanswered * self._usual_bytes >= _AHEAD_BYTES:
                return
            fetch = self._fetches[0]
            size = max(_GOT_BYTES // self._usual_bytes, 1) * ID_BYTES if self._may_spread else len(fetch.ids)
            piece = Piece(fetch.ids[fetch.asked : fetch.asked + size])
            fetch.asked += len(piece.ids)
            fetch.pieces.append(piece)
            if fetch.asked == len(fetch.ids):
                self._fetches.popleft()
            self._ask_for(piece, connection)

    def _ask_for(self, piece: Piece, connection: Connection) -> None:
        try:
            calls = connection.start_for_each(b"get", piece.ids)
        except Error:
            if connection is self._main:
                raise
            self._do_without(connection)
            connection = self._main
            calls = connection.start_for_each(b"get", piece.ids)
        piece.connection, piece.calls = connection, calls

    @property
    def _may_spread(self) -> bool:
        """Whether there are lanes, or may be soon."""
        return bool(self._lanes or self._coming or self._wanted)

    def note(self, objects: int, size: int) -> None:
        """So many bytes were got in so many objects. Those that come next may be like them."""
        self._usual_bytes = max(size // max(objects, 1), _LEAST_GUESS)

    @property
    def _others(self) -> list[Connection]:
        return [*(lane.connection for lane in self._lanes), *(coming.connection for coming in self._coming)]

    # -- lanes ---------------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Waits until something comes."""
        others = self._others
        if others:
            waiting = poll()
            for connection in (self._main, *others):
                for fd in connection.descriptors:
                    waiting.register(fd, POLLIN)
            pause_s = min((one.pause_s for one in (self._main, *others) if one.pause_s), default=TICK_S)
            waiting.poll(1000 * min(pause_s, TICK_S))
            self._main.attend()
        else:
            self._main.exchange()
        self._attend()

    def _attend(self) -> None:
        """Takes note of what has happened meanwhile, and sees to it that there are lanes if they are worth it."""
        if self._wanted:
            self._open()
        for coming in [*self._coming]:
            state = coming.look()
            if state is not None:
                self._coming.remove(coming)
                if state:
                    self._lanes.append(Lane(coming.connection))
                else:
                    coming.connection.abandon()
        if not self._lanes:
            return
        main_waits = self._main_watch.look() > 0  # maybe the line or the whole server: then everybody does
        for lane in [*self._lanes]:
            lane.attend(may_be_late=main_waits)
            self._collect(lane)

    def _open(self) -> None:
        main = self._main
        if not self._always and main.quickest_reply_s < WORTH_ROUND_TRIP_S:
            self._wanted = 0
            return
        assert self._invitation is not None
        if main.moved_bytes < WORTH_BYTES or not self._invitation.is_answered:
            return
        wanted, self._wanted = self._wanted, 0
        (secret,) = main.finish(self._invitation)
        self._may_put = not isinstance(secret, Failure)
        if not self._may_put and self._reading is None:
            return
        method, arguments = ("join", {"secret": secret}) if self._may_put else ("open", self._reading or {})
        try:
            for _ in range(wanted):
                self._coming.append(Coming(self._open_lane(), method, arguments))
        except Error:
            pass  # whatever it is, the connection that is there is enough

    def _collect(self, lane: Lane) -> None:
        """Looks at what came of what it was given; if it broke, the main connection takes over."""
        lane.forget_done()
        if lane.is_broken:
            self._do_without(lane.connection)

    def _do_without(self, connection: Connection) -> None:
        """Gives up a lane. What it did not put, the main connection does."""
        gone = [lane for lane in self._lanes if lane.connection is connection]
        if any(lane.puts for lane in gone):
            # The server may have received some of that, and must not come back to it after what is said next. It lets go of all
            # lanes before it answers, even if it cannot invite anybody any more.
            self._main.finish(self._main.start("invite", [{}]))
            gone = [*self._lanes]
        self._lanes = [lane for lane in self._lanes if lane not in gone]
        for lane in gone:
            lane.connection.abandon()
        for lane in gone:
            for _, sealed, start, stop in lane.puts:
                self._main.send_puts(sealed, start, stop)

    def close(self) -> None:
        """Ends all lanes, whatever they are doing."""
        for connection in self._others:
            connection.abandon()
        self._coming, self._lanes, self._wanted = [], [], 0
