"""How a client gets its connections: the command is started, and becomes a conversation in which nothing was said yet."""

from __future__ import annotations

from vinculum.events import NullSink
from vinculum.remote.command_line import command_line
from vinculum.remote.connection import Connection
from vinculum.remote.lane import LANE_BYTES
from vinculum.remote.rate_limit import RateLimit
from vinculum.remote.relay import Relay
from vinculum.remote.transport import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vinculum.events import Sink
    from vinculum.remote.command_line import RemoteSettings
    from vinculum.repository.location import Location


class Connector:
    """Starts connections to one place. What all of them send together keeps to the limit that the user has set."""

    __slots__ = ("_limit", "_name", "_settings")

    def __init__(self, location: Location, settings: RemoteSettings) -> None:
        self._name = location.canonical()
        self._settings = settings
        self._limit = RateLimit(settings.upload_bytes_per_s)

    def connect(self, command: Sequence[str], relay: Relay) -> Connection:
        """A conversation with what a command reaches. Error if it cannot be started."""
        transport = Transport(command, self._settings.environment)
        return Connection(transport, relay, self._name, limit=self._limit, buffer_bytes=self._settings.upload_buffer_bytes)

    def connect_lane(self, command: Sequence[str]) -> Connection:
        """The same for a lane: it never waits for room, and whatever is wrong with it, nobody has to know."""
        transport = Transport(command, self._settings.environment, send_bytes=LANE_BYTES, receive_bytes=LANE_BYTES)
        return Connection(transport, Relay(NullSink()), self._name, limit=self._limit, buffer_bytes=0, is_patient=False)


def connect(location: Location, settings: RemoteSettings, sink: Sink) -> Connection:
    """A conversation with the server of that location, both versions known. Close it. Error if there is none."""
    connection = Connector(location, settings).connect(command_line(location, settings), Relay(sink))
    try:
        connection.negotiate()
    except BaseException:
        connection.close()
        raise
    return connection
