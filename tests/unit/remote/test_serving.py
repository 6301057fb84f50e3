"""The stream of a client that does not keep to the protocol: the server says so and ends, whatever it is."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.repositories import locks
from vinculum.errors import UnexpectedDataFromClient
from vinculum.formats.msgpack import pack, unpack_first
from vinculum.remote.framing import MAX_REPLY_ARRAY, MessageSplitter
from vinculum.remote.server import Server
from vinculum.remote.serving import serve

ID = b"\x01" * 32
NEGOTIATE = pack([1, 1, "negotiate", [{"client_version": [1, 4, 5, -1]}]])
OPEN = pack({"i": 2, "m": "open", "a": {"path": "repo", "create": True, "exclusive": True, "lock_wait": 0}})


def call(msgid: int, method: str, **arguments: object) -> bytes:
    return pack({"i": msgid, "m": method, "a": arguments})


def converse(server: Server, stream: bytes) -> tuple[bytes, bool]:
    """What the server writes until it ends, and whether it found that the client does not speak the protocol."""
    requests, requests_in = os.pipe()
    replies_out, replies = os.pipe()
    written: list[bytes] = []

    def send() -> None:
        with open(requests_in, "wb") as pipe:
            try:
                pipe.write(stream)
                pipe.flush()
            except BrokenPipeError:
                pass  # it has heard enough

    def receive() -> None:
        with open(replies_out, "rb") as pipe:
            written.append(pipe.read())

    threads = [threading.Thread(target=work) for work in (send, receive)]
    for thread in threads:
        thread.start()
    refused = False
    try:
        serve(server, requests, replies)
    except UnexpectedDataFromClient:
        refused = True
    finally:
        os.close(requests)
        os.close(replies)
        for thread in threads:
            thread.join()
    return written[0], refused


def messages(written: bytes) -> list[object]:
    return list(MessageSplitter(max_array=MAX_REPLY_ARRAY).feed(written))


def test_many_requests_at_once_are_answered_in_order(server: Server) -> None:
    puts = [call(number, "put", id=number.to_bytes(32, "big"), data=bytes(1000)) for number in range(3, 300)]
    gets = [call(number + 300, "get", id=number.to_bytes(32, "big")) for number in range(3, 300)]
    written, refused = converse(server, b"".join([NEGOTIATE, OPEN, *puts, *gets]))
    assert not refused
    replies = messages(written)[2:]
    assert replies == [{b"i": number, b"r": None} for number in range(3, 300)] + [
        {b"i": number + 300, b"r": bytes(1000)} for number in range(3, 300)
    ]


def test_what_was_not_committed_is_forgotten_when_the_client_hangs_up(server: Server, place: Path) -> None:
    put = call(3, "put", id=ID, data=b"data")
    converse(server, OPEN + put + call(4, "commit") + call(5, "delete", id=ID) + put[:20])
    assert locks(place / "repo") == []
    os.chdir(place)
    reopen = pack({"i": 2, "m": "open", "a": {"path": "repo", "exclusive": True}})
    assert messages(converse(server, reopen + call(3, "__len__"))[0])[1] == {b"i": 3, b"r": 1}


def test_who_hangs_up_at_once_learns_which_program_it_was(server: Server) -> None:
    assert converse(server, b"") == (b"Borg 1.4.5: Got connection close before repository was opened.\n", False)


def test_replies_to_what_was_understood_come_before_the_end(server: Server, place: Path) -> None:
    written, refused = converse(server, NEGOTIATE + OPEN + b"\xc1")
    assert refused
    assert len(messages(written)) == 2
    assert locks(place / "repo") == []


@pytest.mark.parametrize(
    "message",
    [
        5,
        None,
        b"open",
        [],
        [1, 2, b"get"],
        [2, 1, b"get", []],
        {},
        {"i": 1, "m": "open"},
        {"i": 1, "m": "open", "a": []},
        {"i": -1, "m": "open", "a": {}},
        {"i": b"1", "m": "open", "a": {}},
        {"i": 1, "m": 5, "a": {}},
        {"i": 1, "m": "open", "a": {5: 5}},
        {"i": 2**64 - 1, "m": "open", "a": {}},
    ],
    ids=repr,
)
def test_what_is_no_request_ends_the_connection(message: object, server: Server) -> None:
    assert converse(server, pack(message)) == (b"", True)


def test_a_message_without_end_is_not_kept(server: Server) -> None:
    """A client may send more than any machine has memory."""
    assert converse(server, b"\xdb\x7f\xff\xff\xff" + bytes(61 << 20)) == (b"", True)
    assert converse(server, b"\x91" * (1 << 20)) == (b"", True)


@given(st.lists(st.binary(max_size=60) | st.sampled_from([NEGOTIATE, OPEN, call(3, "__len__"), call(4, "list")]), max_size=8))
@example([OPEN[:-1]])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_answered_or_refused(place: Path, new_server: Callable[..., Server], pieces: list[bytes]) -> None:
    os.chdir(place)
    written, refused = converse(new_server((str(place),)), b"".join(pieces))
    assert refused or not written or written.endswith(b"opened.\n") or unpack_first(written) is not None
    assert b"Traceback" not in written
    assert not (place / "repo").exists() or locks(place / "repo") == []
