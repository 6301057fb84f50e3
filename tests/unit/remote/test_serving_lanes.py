"""Connections that join a conversation: who may, what they may, and that none holds up another."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from support.few_descriptors import few_descriptors
from vinculum.errors import Error
from vinculum.formats.msgpack import pack, unpack_first
from vinculum.remote.framing import MAX_REPLY_ARRAY, MessageSplitter
from vinculum.remote.rendezvous import MOST_LANES, SECRET_BYTES, Rendezvous, _address, join
from vinculum.remote.server import Server
from vinculum.remote.serving import _Main, serve

NEGOTIATE = pack([1, 1, "negotiate", [{"client_version": [1, 4, 5, -1]}]])
OPEN = pack({"i": 2, "m": "open", "a": {"path": "repo", "create": True, "exclusive": True, "lock_wait": 0}})
JOINED = {b"i": 7, b"r": True}


def call(msgid: int, method: str, **arguments: object) -> bytes:
    return pack({"i": msgid, "m": method, "a": arguments})


class Peer:
    """The client's end of a conversation."""

    def __init__(self, work: Callable[[int, int], None]) -> None:
        requests, self._out = os.pipe()
        self._in, replies = os.pipe()
        self._replies: list[object] = []
        self._splitter = MessageSplitter(max_array=MAX_REPLY_ARRAY)
        self.failure: Exception | None = None

        def run() -> None:
            try:
                work(requests, replies)
            except Exception as error:
                self.failure = error
            finally:
                os.close(requests)
                os.close(replies)

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def ask(self, *requests: bytes) -> list[object]:
        """Sends them, and waits for as many replies."""
        self.send(*requests)
        while len(self._replies) < len(requests):
            data = os.read(self._in, 1 << 16)
            assert data, "it has hung up"
            self._replies.extend(self._splitter.feed(data))
        found, self._replies = self._replies[: len(requests)], self._replies[len(requests) :]
        return found

    def send(self, *requests: bytes) -> None:
        os.write(self._out, b"".join(requests))

    def rest(self) -> bytes:
        """What else it says until it hangs up."""
        return b"".join(iter(lambda: os.read(self._in, 1 << 16), b""))

    def close(self) -> None:
        os.close(self._out)
        self.rest()
        os.close(self._in)
        self._thread.join()


@contextmanager
def conversation(server: Server) -> Iterator[tuple[Peer, bytes]]:
    """With a repository, and what others can join it by."""
    main = Peer(lambda requests, replies: serve(server, requests, replies))
    try:
        *_, invitation = main.ask(NEGOTIATE, OPEN, call(3, "invite"))
        assert isinstance(invitation, dict)
        yield main, invitation[b"r"]
    finally:
        main.close()


def joining(secret: bytes) -> Peer:
    return Peer(lambda requests, replies: join(secret, 7, requests, replies))


def test_what_one_has_put_the_other_gets(server: Server) -> None:
    with conversation(server) as (main, secret):
        lanes = [joining(secret) for _ in range(3)]
        ids = [bytes([number]) * 32 for number in range(9)]
        for number, lane in enumerate(lanes):
            joined, *put = lane.ask(b"", *(call(at, "put", id=ids[at], data=b"%d" % at) for at in range(number, 9, 3)))
            assert joined == JOINED
            assert [*put] == [{b"i": at, b"r": None} for at in range(number, 9, 3)]
        assert main.ask(call(9, "commit"))[0] == {b"i": 9, b"r": None}
        for lane in lanes:
            got = lane.ask(*(call(at, "get", id=ids[at]) for at in range(9)))
            assert got == [{b"i": at, b"r": b"%d" % at} for at in range(9)]
            lane.close()
        assert main.ask(call(10, "__len__"))[0] == {b"i": 10, b"r": 9}


@pytest.mark.parametrize(
    "request_",
    [
        call(1, "open", path="repo"),
        call(1, "commit"),
        call(1, "delete", id=bytes(32)),
        call(1, "destroy"),
        call(1, "break_lock"),
        call(1, "save_key", keydata=b"key"),
        call(1, "invite"),
        call(1, "join", secret=bytes(32)),
    ],
)
def test_nothing_but_objects_goes_there(request_: bytes, server: Server) -> None:
    with conversation(server) as (main, secret):
        lane = joining(secret)
        assert lane.ask(b"", request_)[1][b"exception_class"] == b"InvalidRPCMethod"  # type: ignore[index]
        assert main.ask(call(4, "__len__"))[0] == {b"i": 4, b"r": 0}
        lane.close()


@pytest.mark.parametrize("last", [b"\xc1", call(1, "put", id=bytes(32), data=bytes(1000))[:500], b""])
def test_one_that_ends_takes_nothing_along(last: bytes, server: Server) -> None:
    """Nonsense, half a message, or nothing."""
    with conversation(server) as (main, secret):
        lane = joining(secret)
        lane.ask(b"")
        lane.send(last)
        lane.close()
        assert main.ask(call(4, "put", id=bytes(32), data=b"data"), call(5, "commit"))[1] == {b"i": 5, b"r": None}


def test_who_does_not_read_holds_up_nobody(server: Server) -> None:
    with conversation(server) as (main, secret):
        lane = joining(secret)
        lane.ask(b"", call(1, "put", id=bytes(32), data=bytes(1 << 20)))
        lane.send(*(call(number, "get", id=bytes(32)) for number in range(2, 40)))  # more than there is room for
        for number in range(10, 15):
            assert main.ask(call(number, "__len__"))[0] == {b"i": number, b"r": 1}
        lane.close()


def test_another_invitation_ends_all_lanes(server: Server) -> None:
    """A client that gave up a lane says again what was not answered there; it must not happen once more, or later."""
    with conversation(server) as (main, secret):
        lane = joining(secret)
        half = call(1, "put", id=bytes(32), data=bytes(1000))
        lane.ask(b"")
        lane.send(half[:500])
        (invitation,) = main.ask(call(10, "invite"))
        assert isinstance(invitation, dict)
        assert invitation[b"r"] != secret
        assert lane.rest() == b""
        try:
            lane.send(half[500:])
        except BrokenPipeError:
            pass
        lane.close()
        late = joining(secret)
        late.close()
        assert isinstance(late.failure, Error)
        assert main.ask(call(11, "__len__"))[0] == {b"i": 11, b"r": 0}
        another = joining(invitation[b"r"])
        assert another.ask(b"") == [JOINED]
        another.close()


def test_lanes_end_also_if_nobody_can_be_invited_any_more(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has given up a lane must know that nothing comes of it any more."""
    with conversation(server) as (main, secret):
        lane = joining(secret)
        lane.ask(b"")
        with few_descriptors(0), monkeypatch.context() as patched:
            patched.setattr(_Main, "end_invitation", lambda _: None)  # which would make room for another one
            (refusal,) = main.ask(call(4, "invite"))
        assert b"exception_class" in refusal  # type: ignore[operator]
        assert lane.rest() == b""
        lane.close()


def test_who_has_a_repository_does_not_join(server: Server) -> None:
    with conversation(server) as (main, secret):
        reply = main.ask(call(10, "join", secret=secret))[0]
        assert reply[b"exception_class"] == b"InvalidRPCMethod"  # type: ignore[index]
        assert main.ask(call(11, "__len__"))[0] == {b"i": 11, b"r": 0}


def test_only_so_many_may_join(server: Server) -> None:
    with conversation(server) as (_, secret):
        lanes = [joining(secret) for _ in range(MOST_LANES)]
        for lane in lanes:
            assert lane.ask(b"") == [JOINED]
        too_many = joining(secret)
        too_many.close()
        assert isinstance(too_many.failure, Error)
        for lane in lanes:
            lane.close()


def test_who_comes_and_says_nothing_holds_up_nobody_for_long(server: Server) -> None:
    with conversation(server) as (main, secret):
        strangers = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        for stranger in strangers:
            stranger.connect(_address(secret))
        assert main.ask(call(11, "__len__"))[0] == {b"i": 11, b"r": 0}
        for stranger in strangers:
            assert stranger.recv(1) == b""
            stranger.close()


def test_the_secret_has_to_be_right(server: Server) -> None:
    with conversation(server) as (_, secret):
        for wrong in (bytes(SECRET_BYTES), secret[: SECRET_BYTES // 2] + bytes(SECRET_BYTES // 2)):
            stranger = joining(wrong)
            assert stranger.rest() == b""
            stranger.close()
            assert isinstance(stranger.failure, Error)
        friend = joining(secret)
        assert friend.ask(b"") == [JOINED]
        friend.close()


def test_all_end_with_the_first(server: Server) -> None:
    with conversation(server) as (main, secret):
        lane = joining(secret)
        lane.ask(b"")
        main.send(b"\xc1")
        assert lane.rest() == b""
        assert isinstance(main.failure, Exception) or main.rest() == b""
        lane.close()


def test_a_failed_invitation_is_answered(server: Server) -> None:
    stranger = Peer(lambda requests, replies: serve(server, requests, replies))
    stranger.send(NEGOTIATE, call(2, "join", secret=bytes(32)))
    said = stranger.rest()
    replies = [unpack_first(said)[0], *MessageSplitter(max_array=MAX_REPLY_ARRAY).feed(said)]
    assert replies[-1][b"exception_class"] == b"Error"  # type: ignore[index]
    stranger.close()


def test_where_there_can_be_no_further_socket_nobody_is_invited_or_joins() -> None:
    with few_descriptors(0):
        with pytest.raises(Error, match="cannot meet"):
            Rendezvous()
        with pytest.raises(Error, match="invitation"):
            join(bytes(SECRET_BYTES), 7, 0, 1)


def test_lanes_for_which_there_are_no_descriptors_cost_nothing(server: Server) -> None:
    """Whichever step of taking one in fails, the server goes on, and so do lanes that are there, until it invites anew."""
    became_lanes = []
    with conversation(server) as (main, secret):
        first = joining(secret)
        first.ask(b"", call(1, "put", id=bytes(32), data=b"data"))
        for count in (*range(20), 200):
            with ExitStack() as stack:
                guest = stack.enter_context(socket.socket(socket.AF_UNIX))
                guest.settimeout(60)
                pipes = [*os.pipe(), *os.pipe()]
                for fd in pipes:
                    stack.callback(os.close, fd)
                with few_descriptors(count):
                    guest.connect(_address(secret))
                    try:
                        socket.send_fds(guest, [secret + bytes(8)], [pipes[0], pipes[3]])
                        welcome = guest.recv(1)
                    except (BrokenPipeError, ConnectionResetError):
                        welcome = b""
                    for number in range(3, 6):
                        assert main.ask(call(number, "__len__"))[0] == {b"i": number, b"r": 1}
                became_lanes.append(bool(welcome) and pipes[2] in select.select([pipes[2], guest], [], [], 60)[0])
            if not count:
                assert first.ask(call(2, "get", id=bytes(32))) == [{b"i": 2, b"r": b"data"}]
            (invitation,) = main.ask(call(6, "invite"))
            secret = invitation[b"r"]  # type: ignore[index]
        assert first.rest() == b""
        first.close()
    assert became_lanes[0] is False
    assert became_lanes[-1] is True
