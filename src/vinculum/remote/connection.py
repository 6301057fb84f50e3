"""A conversation with a server: calls go out without waiting for the replies to those before.

Everything is moved by `_exchange`, which sends and receives at the same time: a server that writes blocks until we read. What
was sent without waiting may fail later; that surfaces at the next call, at the latest before a commit is sent.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from vinculum.errors import (
    ConnectionClosed,
    ConnectionClosedWithHint,
    ServerOutdated,
    UnexpectedDataFromServer,
)
from vinculum.remote import versions
from vinculum.remote.failures import rebuild
from vinculum.remote.framing import MAX_REPLY_ARRAY, MalformedStream, MessageSplitter
from vinculum.remote.messages import (
    Failure,
    MalformedMessage,
    Result,
    encode_request,
    encode_tuple_request,
    parse_reply,
)
from vinculum.remote.rate_limit import RateLimit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    from vinculum._native import Blob
    from vinculum.errors import Error
    from vinculum.remote.relay import Relay
    from vinculum.remote.transport import Transport
    from vinculum.remote.versions import Version

    Started: TypeAlias = list[int]  # calls that are on their way

CLOSE_S = 30.0  # how long a server may take to put things in order at the end
_LAST_WORDS_S = 2.0  # for the child to end after its output has, so that we can say why
WRITE_BYTES = 1 << 20
WRITE_BUFFERS = 64
_TICK_S = 0.05
_SHOWN_BYTES = 128
_NOT_FOUND = 127  # what shells say where there is no such program


class Connection:
    """Confined to one thread. `name` is what the user calls the repository."""

    def __init__(self, transport: Transport, relay: Relay, name: str, *, limit: RateLimit, buffer_bytes: int) -> None:
        self._transport = transport
        self._relay = relay
        self._name = name
        self._limit = limit
        self._buffer_bytes = buffer_bytes
        self._splitter = MessageSplitter(max_array=MAX_REPLY_ARRAY)
        self._msgid = 0
        self._queue: deque[memoryview] = deque()
        self._queued_bytes = 0
        self._unanswered: set[int] = set()  # calls that nobody waits for
        self._expected: set[int] = set()
        self._replies: dict[int, Result | Failure] = {}
        self._failed: Failure | None = None
        self._is_dead = False
        self._is_established = False
        self.server_version: Version = versions.OLDEST

    # -- calls ---------------------------------------------------------------------------------------------------------

    def negotiate(self) -> None:
        """The first thing to do: each side tells its version. Errors of the connection; ServerOutdated for Borg 1.0."""
        self._msgid += 1
        self._append(encode_tuple_request(self._msgid, "negotiate", [versions.client_data()]))
        self._expected.add(self._msgid)
        reply = self._await(self._msgid)
        try:
            self.server_version = versions.peer_version(self._value(reply), "server")
        except ValueError as error:
            raise UnexpectedDataFromServer(error) from None
        if self.server_version <= versions.OLDEST:
            raise ServerOutdated("this client", "1.0", "1.1.0")
        self._is_established = True

    def call(self, method: str, **arguments: object) -> object:
        """Calls and waits for what comes of it."""
        return next(iter(self.call_many(method, [arguments])))

    def call_many(self, method: str, calls: Iterable[Mapping[str, object]]) -> list[object]:
        """What comes of many calls, in their order; the first that fails raises."""
        return self.values(self.start(method, calls))

    def replies(self, method: str, calls: Iterable[Mapping[str, object]]) -> list[Result | Failure]:
        """The same, where the caller deals with failures. All are sent before the first reply is waited for."""
        return self.finish(self.start(method, calls))

    def start(self, method: str, calls: Iterable[Mapping[str, object]]) -> Started:
        """Lets calls go out now whose replies are wanted later; returns what `finish` wants. They are kept until then."""
        self._check_failure()
        msgids = [self._enqueue(method, arguments) for arguments in calls]
        self._expected.update(msgids)
        while self._queue:
            self._exchange()
        return msgids

    def finish(self, started: Started) -> list[Result | Failure]:
        """The replies to what was started."""
        return [self._await(msgid) for msgid in started]

    def values(self, started: Started) -> list[object]:
        """The same; the first that failed raises."""
        return [self._value(reply) for reply in self.finish(started)]

    def send(self, method: str, calls: Iterable[Mapping[str, object]]) -> None:
        """Calls without waiting for what comes of it; returns when no more is left to be sent than the buffer may hold.

        Raises what came of calls before these.
        """
        for arguments in calls:
            self._unanswered.add(self._enqueue(method, arguments))
            while self._queued_bytes > self._buffer_bytes:
                self._exchange()
            self._check_failure()

    def settle(self) -> None:
        """Waits until everything that was sent is answered; raises the first failure."""
        while self._unanswered:
            self._exchange()
        self._check_failure()

    def error_of(self, failure: Failure) -> Error:
        """The exception that a failure stands for here."""
        return rebuild(failure, self._name)

    def require(self, what: str, since: Version) -> None:
        """ServerOutdated if the server is older than that."""
        if self.server_version < since:
            raise ServerOutdated(what, versions.format_version(self.server_version), versions.format_version(since))

    def _value(self, reply: Result | Failure) -> object:
        if isinstance(reply, Failure):
            raise self.error_of(reply)
        return reply.value

    def _check_failure(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            raise self.error_of(failed)

    # -- moving bytes --------------------------------------------------------------------------------------------------

    def _enqueue(self, method: str, arguments: Mapping[str, object]) -> int:
        self._msgid += 1
        self._append(encode_request(self._msgid, method, arguments))
        return self._msgid

    def _append(self, buffers: list[Blob]) -> None:
        for buffer in buffers:
            self._queue.append(memoryview(buffer))
            self._queued_bytes += len(buffer)

    def _await(self, msgid: int) -> Result | Failure:
        while msgid not in self._replies:
            self._exchange()
        return self._replies.pop(msgid)

    def _exchange(self) -> None:
        """Waits until something can be sent or was received, and does that."""
        if self._is_dead:
            raise ConnectionClosed
        allowance = self._limit.allowance()
        may_write = bool(self._queue) and allowance != 0
        timeout_s = self._limit.delay_s() if self._queue and not may_write else None
        ready = self._transport.wait(to_write=may_write, timeout_s=timeout_s)
        if ready.stderr:
            self._relay.feed(self._transport.read_messages() or b"")
        if ready.stdout:
            data = self._transport.read()
            if data == b"":
                raise self._end()
            self._receive(data or b"")
        if ready.stdin:
            try:
                self._write(allowance)
            except BrokenPipeError:
                raise self._end() from None

    def _write(self, allowance: int | None) -> None:
        buffers: list[memoryview] = []
        size = 0
        for buffer in self._queue:
            if size >= WRITE_BYTES or len(buffers) == WRITE_BUFFERS:
                break
            buffers.append(buffer)
            size += len(buffer)
        if allowance is not None:
            buffers = _first_bytes(buffers, allowance)
        written = self._transport.write(buffers)
        self._limit.spend(written)
        self._queued_bytes -= written
        while written:
            head = self._queue.popleft()
            if len(head) > written:
                self._queue.appendleft(head[written:])
                break
            written -= len(head)

    def _receive(self, data: bytes) -> None:
        try:
            for message in self._splitter.feed(data):
                self._take(parse_reply(message))
        except (MalformedStream, MalformedMessage):
            self._is_dead = True
            raise UnexpectedDataFromServer(_shown(data)) from None

    def _take(self, reply: Result | Failure) -> None:
        if reply.msgid in self._expected:
            self._expected.remove(reply.msgid)
            self._replies[reply.msgid] = reply
        elif reply.msgid in self._unanswered:
            self._unanswered.remove(reply.msgid)
            if isinstance(reply, Failure) and self._failed is None:
                self._failed = reply
        else:
            raise MalformedMessage("an answer to something that was not asked")

    # -- the end -------------------------------------------------------------------------------------------------------

    def _end(self) -> Error:
        """What to tell the user after the other side has hung up; its last words come first."""
        self._is_dead = True
        deadline = time.monotonic() + _LAST_WORDS_S
        # Not until stderr ends: a process of ssh's that outlives this connection may keep it open.
        while self._transport.exit_code is None and time.monotonic() < deadline:
            if self._transport.wait(to_write=False, timeout_s=_TICK_S).stderr:
                self._relay.feed(self._transport.read_messages() or b"")
        self._relay.feed(self._transport.read_messages() or b"")
        self._relay.finish()
        if self._is_established:
            return ConnectionClosed()
        if self._transport.exit_code == _NOT_FOUND:
            return ConnectionClosedWithHint("There is no such program on the server; --remote-path says where Borg is.")
        return ConnectionClosedWithHint("Is borg working on the server?")

    def close(self) -> None:
        """Ends the conversation. The server forgets what was not committed and gives its locks back before this returns."""
        self._is_dead = True
        self._queue.clear()
        self._transport.stop_writing()
        deadline = time.monotonic() + CLOSE_S
        while self._transport.exit_code is None and time.monotonic() < deadline:
            ready = self._transport.wait(to_write=False, timeout_s=_TICK_S)
            if ready.stderr:
                self._relay.feed(self._transport.read_messages() or b"")
            if ready.stdout and self._transport.read() == b"":
                self._transport.await_exit(_TICK_S)
        self._relay.feed(self._transport.read_messages() or b"")
        self._relay.finish()
        self._transport.close()


def _first_bytes(buffers: list[memoryview], size: int) -> list[memoryview]:
    first = []
    for buffer in buffers:
        if size <= 0:
            break
        first.append(buffer[:size])
        size -= len(buffer)
    return first


def _shown(data: bytes) -> str:
    """The beginning of what is no message, for the user to recognise: mostly the output of a shell's startup file."""
    head = data[:_SHOWN_BYTES]
    try:
        return head.decode().strip()
    except UnicodeDecodeError:
        return head.hex(" ")
