"""Cuts the byte stream of one direction into messages; the peer may be hostile.

The stream is msgpack objects end to end. Knows nothing of what they mean. Memory is bounded by the size of one message,
whatever comes in; anything that is not Borg's dialect raises `MalformedStream`, after which the stream is of no more use.
"""

from __future__ import annotations

import msgpack  # type: ignore[import-untyped]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vinculum._native import Blob

# Room for an object that is too large to be stored, so that its sender can be told; Borg stops reading at the same size.
MAX_MESSAGE = 60 * 1024 * 1024
MAX_MAP = 100
MAX_REQUEST_ARRAY = 100
MAX_REPLY_ARRAY = 100_000
MAX_CONTAINERS = 100  # maps and arrays in one message: sixty million empty ones would fit, and they take 60 bytes each


class MalformedStream(ValueError):
    """What the peer sends is not the protocol."""


class MessageSplitter:
    """Feed it what was read, then iterate over the messages that are complete: dicts and lists of raw values (`bytes`)."""

    __slots__ = ("_containers", "_fed", "_limit", "_taken", "_unpacker")

    def __init__(self, *, max_array: int, max_message: int = MAX_MESSAGE) -> None:
        self._limit = max_message
        self._fed = 0
        self._taken = 0
        self._containers = 0
        self._unpacker = msgpack.Unpacker(
            None,
            raw=True,
            use_list=True,
            strict_map_key=False,
            ext_hook=_refuse,
            list_hook=self._count,
            object_hook=self._count,
            # What was read may hold the end of one message and the beginning of another.
            max_buffer_size=2 * max_message,
            max_str_len=max_message,
            max_bin_len=0,
            max_ext_len=0,
            max_array_len=max_array,
            max_map_len=MAX_MAP,
        )

    def feed(self, data: Blob | bytearray | memoryview) -> Self:
        """Takes the next bytes; all messages that were complete before must have been taken out."""
        try:
            self._unpacker.feed(data)
        except (ValueError, msgpack.UnpackException) as error:
            raise MalformedStream("too much data without end") from error
        self._fed += len(data)
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> object:
        try:
            message = self._unpacker.unpack()
        except msgpack.OutOfData:
            if self.pending_bytes > self._limit:
                raise MalformedStream(f"a message of more than {self._limit} bytes") from None
            raise StopIteration from None
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise MalformedStream(str(error) or type(error).__name__) from error
        self._taken = self._unpacker.tell()
        self._containers = 0
        return message

    def _count(self, container: object) -> object:
        self._containers += 1
        if self._containers > MAX_CONTAINERS:
            raise MalformedStream(f"a message of more than {MAX_CONTAINERS} maps and arrays")
        return container

    @property
    def pending_bytes(self) -> int:
        """How much was fed of a message that is not complete."""
        return self._fed - self._taken


def _refuse(code: int, _data: bytes) -> object:
    raise ValueError(f"extension type {code}")
