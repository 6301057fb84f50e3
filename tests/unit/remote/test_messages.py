"""Recorded sessions between real Borgs: parsed, understood, and encoded again to the same bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.memory_store import frozen
from support.rpc_sessions import SESSIONS, as_recorded, complete
from vinculum.formats.msgpack import pack, unpack
from vinculum.remote import messages
from vinculum.remote.framing import MAX_REPLY_ARRAY, MAX_REQUEST_ARRAY, MessageSplitter
from vinculum.remote.messages import Failure, MalformedMessage, Request, Result
from vinculum.remote.methods import bind

each_session = pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session["session"])


def bytes_of(buffers: list[Any]) -> bytes:
    return b"".join(bytes(buffer) for buffer in buffers)


@each_session
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_requests_are_recognised_bound_and_encoded_again(session: dict[str, Any], step: int) -> None:
    recorded = complete(session, "client_to_server")
    stream = b"".join(packed for packed, _ in recorded)
    splitter = MessageSplitter(max_array=MAX_REQUEST_ARRAY)
    requests = []
    for start in range(0, len(stream), step):
        requests += [messages.parse_request(message) for message in splitter.feed(stream[start : start + step])]
    assert splitter.pending_bytes == 0
    assert len(requests) == len(recorded)
    for request, (packed, _) in zip(requests, recorded, strict=True):
        bound = bind(request)
        if request.is_tuple:
            encoded = messages.encode_tuple_request(request.msgid, request.method, request.arguments)
        else:
            assert isinstance(request.arguments, dict)
            assert set(bound) == set(request.arguments) - {"wait"}
            encoded = messages.encode_request(request.msgid, request.method, request.arguments)
        assert bytes_of(encoded) == packed


@each_session
def test_results_are_recognised_and_encoded_again(session: dict[str, Any]) -> None:
    requests = {
        request.msgid: request
        for request in (messages.parse_request(unpack(packed)) for packed, _ in complete(session, "client_to_server"))
    }
    recorded = complete(session, "server_to_client")
    splitter = MessageSplitter(max_array=MAX_REPLY_ARRAY)
    replies = [messages.parse_reply(message) for message in splitter.feed(b"".join(packed for packed, _ in recorded))]
    for reply, (packed, decoded) in zip(replies, recorded, strict=True):
        assert isinstance(reply, Result)
        assert as_recorded(reply.value) == (decoded[3] if isinstance(decoded, list) else decoded["r"])
        request = requests.get(reply.msgid, Request(reply.msgid, "put", {}))
        assert bytes_of(messages.encode_result(request, reply.value)) == packed


@pytest.mark.parametrize("size", [0, 31, 32, 255, 4095, 4096, 65535, 65536, 100_000])
def test_objects_travel_uncopied_and_come_out_as_any_packer_would_write_them(size: int) -> None:
    data = bytes(size)
    for given_data in (data, frozen(data)):
        encoded = messages.encode_request(5, "put", {"id": b"x" * 32, "data": given_data, "wait": True})
        assert bytes_of(encoded) == pack({"i": 5, "m": "put", "a": {"id": b"x" * 32, "data": data, "wait": True}})
        assert size < messages.KEEP_BYTES or any(buffer is given_data for buffer in encoded)
        assert bytes_of(messages.encode_result(Request(5, "get", {}), given_data)) == pack({"i": 5, "r": data})
        assert bytes_of(messages.encode_result(Request(5, "get", []), given_data)) == pack([1, 5, None, data])


def test_a_failure_says_everything_in_map_form() -> None:
    failure = Failure(7, "LockFailed", ["/x", 3], full=["a\n", "b\n"], short=["what"], wants_trace=True, sysinfo="Linux\n")
    found = messages.parse_reply(unpack(bytes_of(messages.encode_failure(Request(7, "get", {}), failure))))
    assert isinstance(found, Failure)
    assert found.args == [b"/x", 3]
    for name in ("msgid", "class_name", "full", "short", "wants_trace", "sysinfo"):
        assert getattr(found, name) == getattr(failure, name)


def test_a_failure_names_its_class_in_tuple_form() -> None:
    found = messages.parse_reply(
        unpack(bytes_of(messages.encode_failure(Request(7, "get", []), Failure(7, "Error", ["x"], short=["text"]))))
    )
    assert isinstance(found, Failure)
    assert (found.class_name, found.short) == ("Error", ["text"])


@pytest.mark.parametrize(
    "message",
    [
        None,
        3,
        b"text",
        [],
        [1, 2, b"get"],
        [2, 1, b"get", []],
        [1, -1, b"get", []],
        [1, True, b"get", []],
        [1, 1, 7, []],
        [1, 1, b"get", {}],
        {},
        {b"i": 1, b"m": b"get"},
        {b"i": 1, b"m": b"get", b"a": []},
        {b"i": 1, b"m": 5, b"a": {}},
        {b"i": b"1", b"m": b"get", b"a": {}},
        {b"i": 1, b"m": b"get", b"a": {7: 8}},
    ],
)
def test_what_is_no_request_is_refused(message: object) -> None:
    with pytest.raises(MalformedMessage):
        messages.parse_request(message)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.binary(max_size=20) | st.integers(), inner, max_size=5),
    max_leaves=12,
)
keys = st.sampled_from(
    [b"i", b"m", b"a", b"r", b"exception_class", b"exception_args", b"exception_full", b"exception_short", b"sysinfo"]
)


@given(values | st.dictionaries(keys, values) | st.tuples(st.just(1), st.integers(), values, values).map(list))
def test_parsing_fails_in_one_way_only(message: object) -> None:
    for parse in (messages.parse_request, messages.parse_reply):
        try:
            parse(message)
        except MalformedMessage:
            pass
