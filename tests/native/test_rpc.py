"""Messages in bulk against their twin, which unpacks each; and the pump with a real child."""

from __future__ import annotations

import os
import select
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import rpc
from reference.segments import pack_entry, pack_segment
from vinculum import _native
from vinculum.formats.msgpack import pack
from vinculum.remote.messages import Request, encode_request, encode_result

IDS = [bytes([number]) * 32 for number in range(4)]
names = st.sampled_from([b"put", b"get", b"delete", b"i", b"m", b"a", b"r", b"id", b"data", b"wait"])
numbers = st.integers(0, 5) | st.sampled_from([127, 128, 255, 256, 65535, 65536, 2**32, 2**63 - 1, 2**63, -1])
values = st.sampled_from(IDS) | st.binary(max_size=40) | numbers | st.none() | st.booleans()
arguments = st.dictionaries(st.sampled_from([b"id", b"data", b"wait"]) | names, values, max_size=4)
plain_puts = st.builds(lambda id, data: {b"id": id, b"data": data}, st.sampled_from(IDS), st.binary(max_size=300))
requests = st.fixed_dictionaries(
    {b"i": numbers, b"m": st.sampled_from([b"put", b"get"]) | names, b"a": plain_puts | arguments | values}
)
replies = st.fixed_dictionaries({b"i": numbers, b"r": values | st.lists(values, max_size=3)})
anything = st.dictionaries(names, values | arguments, max_size=4) | st.lists(values, max_size=5)


def framer() -> _native.MessageFramer:
    return _native.MessageFramer(1 << 20, 100, 100, 100)


def fed(messages: list[bytes]) -> _native.MessageFramer:
    receiver = framer()
    receiver.feed(b"".join(messages))
    return receiver


def numbered(messages: list[object], first: int) -> list[bytes]:
    """Most of them consecutively, as a peer would."""
    for number, message in enumerate(messages, first):
        if isinstance(message, dict) and message.get(b"i") == 5:
            message[b"i"] = number
    return [pack(message) for message in messages]


def opened(run: _native.RequestRun | _native.ReplyRun) -> tuple[str, int, list[object]]:
    kind, first, what = run
    if isinstance(what, _native.SealedBatch):
        ids = what.ids()
        stored = [(ids[32 * at : 32 * at + 32], bytes(what.object(at))) for at in range(len(what))]
        assert b"BORG_SEG" + b"".join(map(bytes, what.entries(0, len(what)))) == pack_segment(
            *(pack_entry(0, *one) for one in stored)
        )
        return kind, first, [*stored]
    if isinstance(what, int):
        return kind, first, [None] * what
    if isinstance(what, list):
        return kind, first, [bytes(one) for one in what]
    if kind == "gets":
        return kind, first, [bytes(what[at : at + 32]) for at in range(0, len(what), 32)]
    return kind, first, [bytes(what)]


@given(st.lists(requests | anything, max_size=12), st.integers(0, 300))
def test_requests_come_in_the_runs_of_the_twin(messages: list[object], first: int) -> None:
    packed = numbered(messages, first)
    assert [opened(run) for run in fed(packed).requests()] == rpc.group(packed, are_requests=True)


@given(st.lists(replies | anything, max_size=12), st.integers(0, 300))
def test_replies_come_in_the_runs_of_the_twin(messages: list[object], first: int) -> None:
    packed = numbered(messages, first)
    assert [opened(run) for run in fed(packed).replies()] == rpc.group(packed, are_requests=False)


def test_what_is_encoded_in_bulk_is_what_is_encoded_one_by_one() -> None:
    objects = [os.urandom(size) for size in (1, 31, 32, 16383, 16384, 65535, 65536, 200_000)]
    puts = [
        b"".join(map(bytes, encode_request(number, "put", {"id": bytes([number]) * 32, "data": data})))
        for number, data in enumerate(objects, 124)
    ]
    [(kind, first, sealed)] = fed(puts).requests()
    assert kind == "puts"
    assert isinstance(sealed, _native.SealedBatch)
    assert bytes(_native.encode_puts(first, sealed, 0, len(sealed))) == b"".join(puts)
    assert bytes(_native.encode_puts(125, sealed, 1, 3)) == b"".join(puts[1:3])
    ids = b"".join(IDS)
    for method in (b"get", b"delete"):
        calls = [encode_request(number, method.decode(), {"id": id}) for number, id in enumerate(IDS, 65534)]
        assert bytes(_native.encode_calls(method, 65534, ids)) == b"".join(bytes(part) for call in calls for part in call)
    results = [encode_result(Request(number, "get", {}), data) for number, data in enumerate(objects, 2**32 - 4)]
    pieces = _native.encode_objects(2**32 - 4, [_native.Bytes(data) for data in objects])
    assert b"".join(map(bytes, pieces)) == b"".join(bytes(part) for result in results for part in result)
    nothing = [encode_result(Request(number, "put", {}), None) for number in range(250, 260)]
    assert bytes(_native.encode_acknowledgements(250, 10)) == b"".join(bytes(part) for result in nothing for part in result)
    with pytest.raises(ValueError, match="numbers"):
        _native.encode_acknowledgements(2**63 - 2, 5)


def test_a_pump_carries_everything_to_a_child_and_back() -> None:
    data = os.urandom(3 << 20)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for pipe in (child.stdin, child.stdout):
            os.set_blocking(pipe.fileno(), False)
        pump = _native.Pump(child.stdin.fileno(), child.stdout.fileno(), 1 << 20, 1 << 20)
        child.stdin.close()
        pieces = [data[start:stop] for start, stop in pairwise([*range(0, len(data), 100_000), len(data)])]
        received = b""
        while len(received) < len(data):
            can_send, can_receive = pump.ready()
            if can_send and pieces and (sent := pump.send(pieces[:3])):
                while sent:
                    sent -= len(pieces.pop(0))
            elif can_receive:
                received += bytes(pump.receive() or b"")
            else:
                select.select([pump], [], [], 5)
        assert received == data
        assert pump.unsent_bytes() == 0
        pump.stop_sending()
        while (last := pump.receive()) is None:
            select.select([pump], [], [], 5)
        assert bytes(last) == b""
        with pytest.raises(BrokenPipeError):
            pump.send([b"more"])
        pump.stop()
