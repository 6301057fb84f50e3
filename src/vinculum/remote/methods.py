"""The calls that exist, with the names, kinds and defaults of their arguments: the interface between all versions.

Both sides go by the names. A server ignores arguments that it does not know and has defaults for those that are missing, so
a client may be newer or older. `bind` is where a server stops believing its client: what comes out has the right types.
"""

from __future__ import annotations

from math import isfinite

from vinculum.errors import Error, InvalidRpcMethod
from vinculum.formats.ids import ID_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vinculum.remote.messages import Request

MAX_NAME = 100  # of what the client is told that it does not exist
MAX_INT = 2**63 - 1
_REQUIRED = object()


class Argument:
    """One argument: `accept` turns what came over the wire into the value that is meant, or raises ValueError."""

    __slots__ = ("accept", "default", "name")

    def __init__(self, name: str, accept: Callable[[object], object], default: object = _REQUIRED) -> None:
        self.name = name
        self.accept = accept
        self.default = default


def _anything(value: object) -> object:
    return value


def _flag(value: object) -> object:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _natural(value: object) -> object:
    if type(value) is not int or not 0 <= value <= MAX_INT:
        raise ValueError("not a natural number")
    return value


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError("not a number")
    return float(value)


def _raw(value: object) -> object:
    if not isinstance(value, bytes):
        raise ValueError("not a byte string")
    return value


def _id(value: object) -> object:
    if not isinstance(value, bytes) or len(value) != ID_BYTES:
        raise ValueError(f"not an id of {ID_BYTES} bytes")
    return value


def _text(value: object) -> object:
    if not isinstance(value, bytes) or b"\0" in value:
        raise ValueError("not a text")
    return value.decode("utf-8", "surrogateescape")


def _or_nil(accept: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: None if value is None else accept(value)


# In the order of the tuple form.
METHODS: dict[str, tuple[Argument, ...]] = {
    "negotiate": (Argument("client_data", _anything),),
    "open": (
        Argument("path", _text),
        Argument("create", _flag, False),
        Argument("lock_wait", _or_nil(_number), None),
        Argument("lock", _flag, True),
        Argument("exclusive", _or_nil(_flag), None),  # nil: shared, until something is written
        Argument("append_only", _flag, False),
        Argument("make_parent_dirs", _flag, False),
    ),
    "__len__": (),
    "list": (Argument("limit", _or_nil(_natural), None), Argument("marker", _or_nil(_id), None)),
    "scan": (Argument("limit", _or_nil(_natural), None), Argument("marker", _or_nil(_id), None)),
    "get": (Argument("id", _id),),
    "put": (Argument("id", _id), Argument("data", _raw)),
    "delete": (Argument("id", _id),),
    "commit": (
        Argument("save_space", _anything, False),
        Argument("compact", _flag, True),
        Argument("threshold", _number, 0.1),
        Argument("cleanup_commits", _flag, False),
    ),
    "rollback": (),
    "check": (
        Argument("repair", _flag, False),
        Argument("save_space", _anything, False),
        Argument("max_duration", _natural, 0),
    ),
    "save_key": (Argument("keydata", _raw),),
    "load_key": (),
    "get_free_nonce": (),
    "commit_nonce_reservation": (Argument("next_unreserved", _natural), Argument("start_nonce", _or_nil(_natural))),
    "break_lock": (),
    "destroy": (),
    # Ours alone, and only asked of servers that are: other connections take part in this conversation.
    "invite": (),
    "join": (Argument("secret", _id),),
    "inject_exception": (Argument("kind", _text),),
}
_NAMED_ONLY = frozenset(("scan", "invite", "join", "inject_exception"))


def bind(request: Request) -> dict[str, object]:
    """The arguments of a request by name, all there and of the right types.

    InvalidRpcMethod if there is no such method, Error if an argument is missing or not what it should be.
    """
    known = METHODS.get(request.method)
    if known is None or (request.is_tuple and request.method in _NAMED_ONLY):
        raise InvalidRpcMethod(request.method[:MAX_NAME])
    if isinstance(request.arguments, list):
        if len(request.arguments) > len(known):
            raise Error(f"too many arguments for {request.method}")
        given = {argument.name: value for argument, value in zip(known, request.arguments, strict=False)}
    else:
        given = request.arguments
    return {argument.name: _accept(request.method, argument, given) for argument in known}


def _accept(method: str, argument: Argument, given: dict[str, object]) -> object:
    if argument.name not in given:
        if argument.default is _REQUIRED:
            raise Error(f"{method} needs {argument.name}")
        return argument.default
    try:
        return argument.accept(given[argument.name])
    except ValueError as error:
        raise Error(f"{argument.name} of {method} is {error}") from None
