"""What a client sends, until it is known what is asked for: framing, shape of messages, arguments."""

from __future__ import annotations

from collections.abc import Iterator

from support.rpc_sessions import SESSIONS, complete
from vinculum.errors import Error
from vinculum.formats.msgpack import pack
from vinculum.remote.framing import MAX_REQUEST_ARRAY, MalformedStream, MessageSplitter
from vinculum.remote.messages import MalformedMessage, Request, encode_request, parse_request
from vinculum.remote.methods import METHODS, bind

WORDS = [pack(name) for name in METHODS] + [pack(argument.name) for known in METHODS.values() for argument in known]


def seeds() -> Iterator[bytes]:
    for session in SESSIONS:
        messages = [data for data, _ in complete(session, "client_to_server")]
        yield b"\x10" + b"".join(messages)[:2000]
        yield from (b"\xff" + message for message in messages[:4])


def fuzz(data: bytes) -> None:
    """The first byte says in which pieces the others come."""
    size = data[0] + 1 if data else 1
    stream = data[1:]
    whole = split([stream])
    assert repr(split([stream[at : at + size] for at in range(0, len(stream), size)])) == repr(whole)
    for message in whole:
        try:
            request = parse_request(message)
        except MalformedMessage:
            continue
        try:
            arguments = bind(request)
        except Error:
            continue
        assert_survives_the_way(request, arguments)


def split(pieces: list[bytes]) -> list[object]:
    """The messages in a stream, None at the end if it is not the protocol."""
    splitter = MessageSplitter(max_array=MAX_REQUEST_ARRAY)
    messages: list[object] = []
    try:
        for piece in pieces:
            messages.extend(splitter.feed(memoryview(piece)))
    except MalformedStream:
        messages.append(None)
    return messages


def assert_survives_the_way(request: Request, arguments: dict[str, object]) -> None:
    """What was understood is understood again when we say it."""
    buffers = encode_request(request.msgid, request.method, arguments)
    (message,) = split([b"".join(bytes(buffer) for buffer in buffers)])
    again = parse_request(message)
    assert again.msgid == request.msgid
    assert repr(bind(again)) == repr(arguments)
