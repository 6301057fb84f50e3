"""Cuts the byte stream of one direction into messages; the peer may be hostile.

The stream is msgpack objects end to end. Knows nothing of what they mean, except that there are runs of puts, of gets and of
what comes of them, which never become Python objects one by one. Memory is bounded by the size of one message, whatever comes
in; anything that is not Borg's dialect raises `MalformedStream`, after which the stream is of no more use.
"""

from __future__ import annotations

from vinculum._native import MessageFramer
from vinculum.formats.msgpack import unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self, TypeVar

    from vinculum._native import Blob, Bytes, ReplyRun, RequestRun

    Taken = TypeVar("Taken")

# Room for an object that is too large to be stored, so that its sender can be told; Borg stops reading at the same size.
MAX_MESSAGE = 60 * 1024 * 1024
MAX_MAP = 100
MAX_REQUEST_ARRAY = 100
MAX_REPLY_ARRAY = 100_000
MAX_CONTAINERS = 100  # maps and arrays in one message: sixty million empty ones would fit, and they take 60 bytes each


class MalformedStream(ValueError):
    """What the peer sends is not the protocol."""


class MessageSplitter:
    """Feed it what was read, then take what is complete: by `requests` or `replies`, or by iterating over all as values.

    Messages that were complete before a malformed one come out before that raises.
    """

    __slots__ = ("_framer", "_messages")

    def __init__(self, *, max_array: int, max_message: int = MAX_MESSAGE) -> None:
        self._framer = MessageFramer(max_message, max_array, MAX_MAP, MAX_CONTAINERS)
        self._messages: Iterator[Bytes] = iter(())

    def feed(self, data: Blob | memoryview) -> Self:
        """Takes the next bytes; what was complete before must have been taken out."""
        self._framer.feed(bytes(data) if isinstance(data, memoryview) else data)
        self._messages = self._take_all(self._framer.messages)
        return self

    def requests(self) -> Iterator[RequestRun]:
        """What a client sent: puts and gets as runs, anything else message by message, to be unpacked."""
        return self._take_all(self._framer.requests)

    def replies(self) -> Iterator[ReplyRun]:
        """What a server sent: results without a value and objects as runs, anything else message by message."""
        return self._take_all(self._framer.replies)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> object:
        return unpack_message(next(self._messages))

    def _take_all(self, take: Callable[[], list[Taken]]) -> Iterator[Taken]:
        while taken := _checked(take):
            yield from taken

    @property
    def pending_bytes(self) -> int:
        """How much was fed of a message that is not complete."""
        return self._framer.pending_bytes()


def unpack_message(message: Blob) -> object:
    """The value that a message is: dicts and lists of raw values (`bytes`)."""
    try:
        return unpack(message)
    except ValueError as error:
        raise MalformedStream(str(error)) from error


def _checked(take: Callable[[], list[Taken]]) -> list[Taken]:
    try:
        return take()
    except ValueError as error:
        raise MalformedStream(str(error)) from error
