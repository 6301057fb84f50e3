"""The server's ends of pipes: what clients send goes to a `Server` in runs of requests, its replies back in order.

There is one conversation to begin with. A client that wants bulk data to travel on more connections has them join (see
`rendezvous`); on those lanes objects are put and got, nothing else. All conversations take turns, none waits for another.

Memory is bounded by what is received and sent ahead, the largest message and the largest reply, for each conversation. Small
replies travel together, as long as requests are waiting.
"""

from __future__ import annotations

import os
import select
import time

from vinculum import BORG_VERSION
from vinculum._native import Pump
from vinculum.errors import Error, InvalidRpcMethod, UnexpectedDataFromClient
from vinculum.platform.files import write_all
from vinculum.remote.failures import describe
from vinculum.remote.framing import MAX_MESSAGE, MAX_REQUEST_ARRAY, MalformedStream, MessageSplitter, unpack_message
from vinculum.remote.messages import MalformedMessage, Request, encode_failure, encode_result, parse_request
from vinculum.remote.methods import MAX_NAME, bind
from vinculum.repository.segments import MAX_OBJECT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum._native import Blob, RequestRun
    from vinculum.remote.rendezvous import Handed, Rendezvous
    from vinculum.remote.server import Server

_SEND_BYTES = 4 << 20
# A batch of objects: while one is being stored, the next one comes.
_RECEIVE_BYTES = 1 << 20
_MAX_WAITING_BYTES = 64 * 1024
_DRAIN_TICK_S = 0.001
_LANE_METHODS = frozenset(("get", "put"))
_LANE_MESSAGE = MAX_OBJECT + 1024  # there may be many of them, and nobody sends one what cannot be stored


def serve(server: Server, requests_fd: int, replies_fd: int) -> None:
    """Answers until the client hangs up, then closes the server. UnexpectedDataFromClient if what comes is not the protocol."""
    blocking = [(fd, os.get_blocking(fd)) for fd in (requests_fd, replies_fd)]
    for fd, _ in blocking:
        os.set_blocking(fd, False)
    main = _Main(requests_fd, replies_fd, server)
    lanes: list[_Lane] = []
    try:
        try:
            _converse(main, lanes, server)
            main.drain()
        except (MalformedStream, MalformedMessage):
            main.drain()
            raise UnexpectedDataFromClient(BORG_VERSION) from None
        finally:
            for conversation in (*lanes, main):
                conversation.close()
            for fd, was_blocking in blocking:
                os.set_blocking(fd, was_blocking)
        if main.join_request is not None:
            _leave(main.join_request, requests_fd, replies_fd)
        elif not server.has_opened:
            # For people who try the command by hand, and for programs that look whether there is a server.
            write_all(replies_fd, f"Borg {BORG_VERSION}: Got connection close before repository was opened.\n".encode())
    finally:
        server.close()


def _converse(main: _Main, lanes: list[_Lane], server: Server) -> None:
    while not main.is_over:
        is_idle = not main.advance()
        if main.invites_anew:
            # Whatever was sent on those lanes and not answered, the client says again.
            main.invites_anew = False
            for lane in lanes:
                lane.close()
            lanes.clear()
        for lane in [*lanes]:
            try:
                is_idle = not lane.advance() and is_idle
            except (MalformedStream, MalformedMessage, OSError):
                lane.is_over = True
            if lane.is_over:
                lanes.remove(lane)
                lane.close()
        if is_idle and not main.is_over and (handed := _wait(main, lanes)):
            try:
                lanes.append(_Lane(handed, server))
            except OSError:
                handed.close()  # no more descriptors or threads: there are fewer lanes


def _wait(main: _Main, lanes: list[_Lane]) -> Handed | None:
    """Waits until one of them may go on, or a further one joins."""
    poll = select.poll()
    for conversation in (main, *lanes):
        poll.register(conversation.pump, select.POLLIN)
    if main.rendezvous is None:
        poll.poll()
        return None
    poll.register(main.rendezvous, select.POLLIN)
    ready = dict(poll.poll())
    if main.rendezvous.fileno() not in ready:
        return None
    try:
        return main.rendezvous.accept()
    except OSError:
        main.end_invitation()
        return None


def _leave(request: Request, requests_fd: int, replies_fd: int) -> None:
    """Another process shall serve this connection."""
    from vinculum.remote.rendezvous import join

    try:
        secret = bind(request)["secret"]
        assert isinstance(secret, bytes)
        join(secret, request.msgid, requests_fd, replies_fd)
    except Error as error:
        write_all(replies_fd, *encode_failure(request, describe(request.msgid, error)))


class _Conversation:
    """Requests that come and replies that go on one connection. `answer_one` is for those that do not come in runs."""

    def __init__(
        self,
        requests_fd: int,
        replies_fd: int,
        server: Server,
        answer_one: Callable[[Request], list[Blob]],
        max_message: int = MAX_MESSAGE,
    ) -> None:
        self.pump = Pump(replies_fd, requests_fd, _SEND_BYTES, _RECEIVE_BYTES)
        self.is_over = False
        self._server = server
        self._answer_one = answer_one
        self._splitter = MessageSplitter(max_array=MAX_REQUEST_ARRAY, max_message=max_message)
        self._answers: Iterator[list[Blob]] = iter(())
        self._waiting: list[Blob] = []
        self._waiting_bytes = 0

    def advance(self) -> bool:
        """Does some of what is to be done; False if there was nothing. BrokenPipeError, MalformedStream, MalformedMessage."""
        can_send, _ = self.pump.ready()
        if not can_send:
            return False
        buffers = next(self._answers, None)
        if buffers is None:
            self._send()
            return not self._waiting and self._receive()
        self.add(buffers)
        if self._waiting_bytes > _MAX_WAITING_BYTES:
            self._send()
        return True

    def add(self, buffers: list[Blob]) -> None:
        """Has a reply sent soon."""
        self._waiting += buffers
        self._waiting_bytes += sum(map(len, buffers))

    def _receive(self) -> bool:
        data = self.pump.receive()
        if data is None:
            return False
        self.is_over = not len(data)
        self._answers = self._answer(self._splitter.feed(data).requests())
        return True

    def _answer(self, runs: Iterator[RequestRun]) -> Iterator[list[Blob]]:
        for run in runs:
            if run[0] == "other":
                yield self._answer_one(parse_request(unpack_message(run[2])))
            else:
                yield from self._server.answer_run(run)

    def _send(self) -> None:
        """Sends of what waits as much as there is room for."""
        sent = self.pump.send(self._waiting) if self._waiting else 0
        self._waiting_bytes -= sent
        count = 0
        while sent > 0:
            sent -= len(self._waiting[count])
            count += 1
        del self._waiting[:count]

    def drain(self) -> None:
        """Waits until everything is sent that can be."""
        try:
            while self._waiting or self.pump.unsent_bytes():
                self._send()
                time.sleep(_DRAIN_TICK_S)
        except BrokenPipeError:
            pass

    def close(self) -> None:
        """Lets go of the pipes."""
        self.pump.stop()


class _Main(_Conversation):
    """The conversation that decides what is done, and whether there are others."""

    def __init__(self, requests_fd: int, replies_fd: int, server: Server) -> None:
        super().__init__(requests_fd, replies_fd, server, self._obey)
        self.rendezvous: Rendezvous | None = None
        self.invites_anew = False
        """Who accepted an earlier invitation is not wanted any more."""
        self.join_request: Request | None = None

    def _obey(self, request: Request) -> list[Blob]:
        if request.method == "join" and not request.is_tuple and not self._server.has_opened:
            self.join_request = request
            self.is_over = True
            return []
        if request.method == "invite" and not request.is_tuple:
            from vinculum.remote.rendezvous import Rendezvous  # where there are lanes only

            self.end_invitation()
            self.invites_anew = True
            try:
                self.rendezvous = Rendezvous()
                return encode_result(request, self.rendezvous.secret)
            except Error as error:
                return encode_failure(request, describe(request.msgid, error))
        return self._server.answer(request)

    def end_invitation(self) -> None:
        """Nobody can join any more; who has, stays."""
        if self.rendezvous is not None:
            self.rendezvous.close()
            self.rendezvous = None

    def close(self) -> None:
        self.end_invitation()
        super().close()


class _Lane(_Conversation):
    """A further connection, for objects."""

    def __init__(self, handed: Handed, server: Server) -> None:
        for fd in (handed.requests_fd, handed.replies_fd):
            os.set_blocking(fd, False)
        super().__init__(handed.requests_fd, handed.replies_fd, server, self._obey, _LANE_MESSAGE)
        self._handed = handed
        self.add(encode_result(Request(handed.number, "join", {}), True))

    def _obey(self, request: Request) -> list[Blob]:
        if request.method in _LANE_METHODS:
            return self._server.answer(request)
        return encode_failure(request, describe(request.msgid, InvalidRpcMethod(request.method[:MAX_NAME])))

    def close(self) -> None:
        super().close()
        self._handed.close()
