"""Streams of messages, in pieces, hostile, or no streams of messages at all."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vinculum.formats.msgpack import pack
from vinculum.remote.framing import MalformedStream, MessageSplitter


def splitter(max_message: int = 1000) -> MessageSplitter:
    return MessageSplitter(max_array=100, max_message=max_message)


messages = st.lists(
    st.dictionaries(st.binary(max_size=5), st.binary(max_size=100) | st.integers(0, 2**64 - 1) | st.none(), max_size=5)
    | st.lists(st.binary(max_size=50), max_size=20),
    max_size=10,
)


@given(messages, st.lists(st.integers(1, 60), min_size=1))
def test_messages_come_out_whole_however_the_stream_was_cut(sent: list[object], steps: list[int]) -> None:
    stream = b"".join(pack(message) for message in sent)
    receiver = splitter(10_000)
    received = []
    start = 0
    for step in itertools.cycle(steps):
        if start >= len(stream):
            break
        received += list(receiver.feed(stream[start : start + step]))
        start += step
    assert received == sent
    assert receiver.pending_bytes == 0


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_any_bytes_are_messages_or_malformed(pieces: list[bytes]) -> None:
    receiver = splitter()
    try:
        for piece in pieces:
            for _ in receiver.feed(piece):
                pass
            assert receiver.pending_bytes <= 1000
    except MalformedStream:
        pass


@pytest.mark.parametrize(
    "stream",
    [
        b"\xc1",  # never used
        b"\xc4\x01x",  # binary
        b"\xd4\x01x",  # an extension
        b"\xc7\x00\x05",
        b"\xd6\xff\x00\x00\x00\x00",  # a time
        b"\xdc\x00\x65",  # an array of 101
        b"\xde\x00\x65",  # a map of 101
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\x00\x00\x10\x00" + bytes(1000),  # a raw value of 4096 where 1000 are the most
        b"\x81\x90\x01",  # a map with an array for a key
        b"\x91" * 2000,
        b"\xdc\x00\x64" + b"\x80" * 100,  # small, but each of its empty maps takes room
    ],
    ids=lambda stream: stream[:8].hex(),
)
def test_what_borg_never_sends_is_malformed(stream: bytes) -> None:
    with pytest.raises(MalformedStream):
        list(splitter().feed(stream))


def test_a_message_that_never_ends_is_given_up() -> None:
    """Each part of it is small enough."""
    receiver = splitter()
    part = pack(bytes(300))
    for piece in (b"\xdc\x00\x64", part, part, part):
        assert list(receiver.feed(piece)) == []
    with pytest.raises(MalformedStream):
        list(receiver.feed(part))


def test_messages_before_the_malformed_one_come_out() -> None:
    receiver = splitter().feed(pack([1]) + pack([2]) + b"\xc1")
    assert [next(receiver), next(receiver)] == [[1], [2]]
    with pytest.raises(MalformedStream):
        next(receiver)
