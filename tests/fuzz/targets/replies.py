"""What a server answers, until it is a value or an exception here."""

from __future__ import annotations

from collections.abc import Iterator

from support.rpc_sessions import SESSIONS, complete
from vinculum.formats.msgpack import pack
from vinculum.remote.failures import rebuild
from vinculum.remote.framing import MAX_REPLY_ARRAY, MalformedStream, MessageSplitter
from vinculum.remote.messages import Failure, MalformedMessage, parse_reply
from vinculum.remote.versions import format_version, peer_version

_EXCEPTIONS = ["ObjectNotFound", "IntegrityError", "LockTimeout", "Error", "InvalidRepositoryConfig", "StorageQuotaExceeded"]
_KEYS = ["i", "r", "exception_class", "exception_args", "exception_full", "exception_short", "exception_trace", "sysinfo"]
WORDS = [pack(word) for word in (*_EXCEPTIONS, *_KEYS, "server_version")]


def seeds() -> Iterator[bytes]:
    for session in SESSIONS:
        messages = [data for data, _ in complete(session, "server_to_client")]
        yield b"".join(messages)[:2000]
        yield from messages[:4]


def fuzz(data: bytes) -> None:
    try:
        for message in MessageSplitter(max_array=MAX_REPLY_ARRAY).feed(memoryview(data)):
            take(message)
    except MalformedStream:
        pass


def take(message: object) -> None:
    try:
        reply = parse_reply(message)
    except MalformedMessage:
        return
    if isinstance(reply, Failure):
        error = rebuild(reply, "ssh://host/repository")
        assert str(error)
        assert error.modern_code >= 2
        return
    try:
        assert format_version(peer_version(reply.value, "server"))
    except ValueError:
        pass
