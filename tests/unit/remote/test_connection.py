"""Conversations with a server in memory, cut into arbitrary pieces, failing, or hostile."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.batches import sealed
from support.fake_transport import FakeServer, FakeTransport
from vinculum.errors import (
    ConnectionClosed,
    ConnectionClosedWithHint,
    Error,
    ObjectNotFound,
    ServerOutdated,
    StorageQuotaExceeded,
    UnexpectedDataFromServer,
)
from vinculum.events import NullSink
from vinculum.formats.msgpack import pack
from vinculum.remote.connection import Connection
from vinculum.remote.messages import Request
from vinculum.remote.rate_limit import RateLimit
from vinculum.remote.relay import Relay
from vinculum.remote.transport import Ready

HERE = "ssh://host/repository"
IDS = [bytes([number]) * 32 for number in range(20)]


def connection_to(
    answer: Callable[[Request], bytes], sizes: list[int] | None = None, *, stderr: bytes = b"", buffer_bytes: int = 0
) -> tuple[Connection, FakeTransport]:
    transport = FakeTransport(answer, itertools.cycle(sizes or [1 << 20]), stderr=stderr)
    return (
        Connection(
            transport,  # type: ignore[arg-type]
            Relay(NullSink()),
            HERE,
            limit=RateLimit(0),
            buffer_bytes=buffer_bytes,
        ),
        transport,
    )


def negotiated(server: FakeServer, sizes: list[int] | None = None, *, buffer_bytes: int = 0) -> Connection:
    connection, _ = connection_to(server.answer, sizes, buffer_bytes=buffer_bytes)
    connection.negotiate()
    return connection


@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=10),
    st.lists(st.tuples(st.sampled_from(IDS), st.binary(max_size=6000)), max_size=15),
    st.integers(0, 5000),
)
def test_objects_come_back_however_the_pipes_cut_them(
    sizes: list[int], objects: list[tuple[bytes, bytes]], buffer_bytes: int
) -> None:
    server = FakeServer()
    connection = negotiated(server, sizes, buffer_bytes=buffer_bytes)
    connection.send("put", [{"id": id, "data": data} for id, data in objects])
    connection.settle()
    assert server.objects == dict(objects)
    ids = [*server.objects]
    assert [*map(bytes, connection.call_many("get", [{"id": id} for id in ids]))] == [server.objects[id] for id in ids]  # type: ignore[call-overload]
    assert [request.msgid for request in server.requests] == list(range(1, len(server.requests) + 1))


def test_calls_go_out_before_replies_come() -> None:
    """Hundreds of calls, and none of them waits for the one before."""
    sent: list[Request] = []
    held: list[bytes] = []
    server = FakeServer()

    def answer(request: Request) -> bytes:
        sent.append(request)
        held.append(server.answer(request))
        if len(sent) not in {1, 501}:
            return b""
        replies, held[:] = b"".join(held), []
        return replies

    connection, _ = connection_to(answer)
    connection.negotiate()
    server.objects[IDS[1]] = b"data"
    assert [*map(bytes, connection.call_many("get", [{"id": IDS[1]}] * 500))] == [b"data"] * 500  # type: ignore[call-overload]


def test_an_empty_batch_sends_nothing() -> None:
    connection = negotiated(FakeServer())
    connection.send_puts(sealed([]))
    assert connection.call_many("get", []) == []
    connection.settle()


def test_a_failure_of_what_was_sent_surfaces_before_the_next_call_is_sent() -> None:
    server = FakeServer()
    server.failures[3] = StorageQuotaExceeded("1 MB", "2 MB")
    connection = negotiated(server, [50])
    connection.send("put", [{"id": IDS[1], "data": b"1"}])
    with pytest.raises(StorageQuotaExceeded):  # noqa: PT012 (either may tell)
        connection.send("put", [{"id": IDS[2], "data": b"2"}])
        connection.settle()
    assert "commit" not in [request.method for request in server.requests]
    assert connection.call("__len__") == 1


def test_a_failing_call_leaves_the_connection_usable() -> None:
    server = FakeServer()
    server.objects[IDS[1]] = b"1"
    connection = negotiated(server)
    with pytest.raises(ObjectNotFound, match=HERE):
        connection.call_many("get", [{"id": IDS[2]}, {"id": IDS[1]}])
    assert bytes(connection.call("get", id=IDS[1])) == b"1"  # type: ignore[call-overload]


@pytest.mark.parametrize("answer", [b"", pack([1, 1, None, {"server_version": [1, 4, 5, -1]}])[:10]])
def test_a_server_that_goes_at_once(answer: bytes) -> None:
    connection, transport = connection_to(lambda _: answer)
    transport.ends = True
    with pytest.raises(ConnectionClosedWithHint):
        connection.negotiate()


def test_a_server_that_never_stops_talking_keeps_nobody() -> None:
    connection, transport = connection_to(FakeServer().answer)
    transport.read_messages = lambda: b"chatter\n"  # type: ignore[method-assign]
    transport.wait = lambda *, to_write, timeout_s: Ready(stdin=False, stdout=False, stderr=True)  # type: ignore[method-assign]  # noqa: ARG005
    connection.attend()
    assert connection.moved_bytes == 0


def test_a_server_that_goes_later() -> None:
    server = FakeServer()
    connection, transport = connection_to(lambda request: server.answer(request) if request.msgid == 1 else b"")
    connection.negotiate()
    transport.ends = True
    with pytest.raises(ConnectionClosed):
        connection.call("__len__")
    with pytest.raises(ConnectionClosed):
        connection.settle() if connection.unanswered else connection.call("__len__")
    connection.close()
    assert transport.is_closed


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"Welcome to this machine!\n", "Welcome to this machine!"),
        (b"\xc1\xff", "c1 ff"),
        (b"!" + 100 * "ü".encode(), "!" + 63 * "ü" + "$"),  # 128 bytes end inside of a character
        (b"!\xc3", "21 c3$"),
        (b"\x1b[2J\x1b]0;title\x07 one\n\ttwo\r\n", r"\?\[2J\?\]0;title\? one\n\ttwo$"),
        (pack([1, 99, None, 5]), "unexpected"),
        (pack({"i": 1}), "unexpected"),
        (pack([1, 1, None, {"other": 5}]), "unexpected"),
        (pack([1, 1, None, 7]), "unexpected"),
    ],
)
def test_what_is_not_the_protocol_is_shown(data: bytes, shown: str) -> None:
    connection, _ = connection_to(lambda _: data)
    with pytest.raises(UnexpectedDataFromServer, match=shown):
        connection.negotiate()


def test_borg_1_0_is_too_old() -> None:
    connection, _ = connection_to(lambda _: pack([1, 1, None, 2]))
    with pytest.raises(ServerOutdated):
        connection.negotiate()


@given(st.binary(max_size=1000), st.lists(st.integers(1, 100), min_size=1, max_size=5), st.booleans())
def test_any_bytes_from_a_server_give_an_error_that_is_one(data: bytes, sizes: list[int], established: bool) -> None:
    def answer(request: Request) -> bytes:
        if established and request.msgid == 1:
            return FakeServer().answer(request)
        transport.ends = True
        return data

    connection, transport = connection_to(answer, sizes)
    with pytest.raises(Error):  # noqa: PT012 (whichever call it is)
        connection.negotiate()
        for _ in range(100):
            connection.call("__len__")
    connection.close()
