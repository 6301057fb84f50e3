"""The messages of the protocol, as values and as bytes: requests, results, failures.

               map form                                        tuple form
    request    {"i": msgid, "m": method, "a": {name: value}}   [1, msgid, method, [value, ...]]
    result     {"i": msgid, "r": value}                        [1, msgid, nil, value]
    failure    {"i": msgid, "exception_class": name, ...}      [1, msgid, name, text]

The tuple form is spoken until both sides know each other's version, and with Borg 1.0 always. Order of keys and width of
numbers are Borg's, so recorded sessions come out byte for byte. Parsing checks the shape of the message, never its meaning
(`methods`); `MalformedMessage` means that the peer does not speak the protocol.
"""

from __future__ import annotations

import struct

import msgpack  # type: ignore[import-untyped]

from vinculum._native import Bytes
from vinculum.formats.msgpack import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vinculum._native import Blob

MAX_MSGID = 2**63 - 1
KEEP_BYTES = 4096  # raw values from this size on are buffers of their own instead of being copied


class MalformedMessage(ValueError):
    """Well formed msgpack, but not a message."""


class Request:
    """A call. `arguments` is a list in the tuple form, where they come by position; the reply has to take that form too."""

    __slots__ = ("arguments", "method", "msgid")

    def __init__(self, msgid: int, method: str, arguments: dict[str, object] | list[object]) -> None:
        self.msgid = msgid
        self.method = method
        self.arguments = arguments

    @property
    def is_tuple(self) -> bool:
        return isinstance(self.arguments, list)


class Result:
    """What a call came to."""

    __slots__ = ("msgid", "value")

    def __init__(self, msgid: int, value: object) -> None:
        self.msgid = msgid
        self.value = value


class Failure:
    """Why a call failed: the class of the exception and its facts, and texts for users who get to see no better ones."""

    __slots__ = ("args", "class_name", "full", "msgid", "short", "sysinfo", "wants_trace")

    def __init__(
        self,
        msgid: int,
        class_name: str,
        args: Sequence[object] = (),
        *,
        full: Sequence[str] = (),
        short: Sequence[str] = (),
        wants_trace: bool = False,
        sysinfo: str = "",
    ) -> None:
        self.msgid = msgid
        self.class_name = class_name
        self.args = args
        self.full = full
        self.short = short
        self.wants_trace = wants_trace
        self.sysinfo = sysinfo


# -- parsing -----------------------------------------------------------------------------------------------------------


def parse_request(message: object) -> Request:
    """The request that a client sent."""
    if isinstance(message, dict):
        arguments = message.get(b"a")
        if not isinstance(arguments, dict):
            raise MalformedMessage("a request without arguments")
        named = {_text(name): value for name, value in arguments.items()}
        return Request(_msgid(message.get(b"i")), _text(message.get(b"m")), named)
    kind, msgid, method, arguments = _four(message)
    if kind != 1 or not isinstance(arguments, list):
        raise MalformedMessage("a request without arguments")
    return Request(_msgid(msgid), _text(method), arguments)


def parse_reply(message: object) -> Result | Failure:
    """What a server answered."""
    if not isinstance(message, dict):
        kind, msgid, class_name, result = _four(message)
        if kind != 1:
            raise MalformedMessage("a reply of an unknown kind")
        if class_name is None:
            return Result(_msgid(msgid), result)
        return Failure(_msgid(msgid), _text(class_name), (), short=_texts([result]))
    msgid = _msgid(message.get(b"i"))
    class_name = message.get(b"exception_class")
    if class_name is None:
        if b"r" not in message:
            raise MalformedMessage("neither a result nor a failure")
        return Result(msgid, message[b"r"])
    args = message.get(b"exception_args")
    return Failure(
        msgid,
        _text(class_name),
        args if isinstance(args, list) else (),
        full=_texts(message.get(b"exception_full")),
        short=_texts(message.get(b"exception_short")),
        wants_trace=bool(message.get(b"exception_trace")),
        sysinfo="".join(_texts([message.get(b"sysinfo")])),
    )


def _four(message: object) -> list[object]:
    if not isinstance(message, list) or len(message) != 4:
        raise MalformedMessage("neither a map nor an array of four")
    return message


def _msgid(value: object) -> int:
    # bool is an int to Python, but not to the protocol.
    if type(value) is not int or not 0 <= value <= MAX_MSGID:
        raise MalformedMessage("a message without number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, bytes):
        raise MalformedMessage("a name that is no text")
    return value.decode("utf-8", "replace")


def _texts(values: object) -> list[str]:
    """Those of the values that are texts: they are only shown, so a peer that sends others is not worth a failure."""
    if not isinstance(values, list):
        return []
    return [value.decode("utf-8", "replace") for value in values if isinstance(value, bytes)]


# -- encoding: lists of buffers, to be written one behind the other; objects are not copied -----------------------------


def encode_request(msgid: int, method: str, arguments: Mapping[str, object]) -> list[Blob]:
    """A call in map form."""
    packer = msgpack.Packer()
    head = packer.pack_map_header(3) + b"\xa1i" + pack(msgid) + b"\xa1m" + pack(method) + b"\xa1a"
    head += packer.pack_map_header(len(arguments))
    return _encode(head, (part for item in arguments.items() for part in item))


def encode_tuple_request(msgid: int, method: str, arguments: Iterable[object]) -> list[Blob]:
    """A call in tuple form."""
    return [pack([1, msgid, method, list(arguments)])]


def encode_result(request: Request, value: object) -> list[Blob]:
    """What a call came to, in the form of the request."""
    before, after = (b"\x94\x01", b"\xc0") if request.is_tuple else (b"\x82\xa1i", b"\xa1r")
    return _encode(before + pack(request.msgid) + after, [value])


def encode_failure(request: Request, failure: Failure) -> list[Blob]:
    """Why it failed, in the form of the request; of which the tuple form can say the class only."""
    if request.is_tuple:
        return [pack([1, request.msgid, failure.class_name, "\n".join(failure.short)])]
    return [
        pack(
            {
                "i": request.msgid,
                "exception_class": failure.class_name,
                "exception_args": list(failure.args),
                "exception_full": list(failure.full),
                "exception_short": list(failure.short),
                "exception_trace": failure.wants_trace,
                "sysinfo": failure.sysinfo,
            }
        )
    ]


def _encode(head: bytes, values: Iterable[object]) -> list[Blob]:
    buffers: list[Blob] = []
    for value in values:
        if isinstance(value, (bytes, Bytes)) and len(value) >= KEEP_BYTES:
            buffers += [head + _raw_header(len(value)), value]
            head = b""
        else:
            head += pack(bytes(value) if isinstance(value, Bytes) else value)
    return [*buffers, head] if head else buffers


def _raw_header(size: int) -> bytes:
    """What stands before a raw value of that many bytes."""
    if size < 1 << 16:
        return struct.pack(">BH", 0xDA, size)
    return struct.pack(">BI", 0xDB, size)
