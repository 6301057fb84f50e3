"""What replies have to be, checked where they come in. UnexpectedDataFromServer says what was found instead."""

from __future__ import annotations

from vinculum._native import Bytes
from vinculum.errors import UnexpectedDataFromServer
from vinculum.formats.ids import ID_BYTES


def checked_bytes(value: object) -> bytes:
    if not isinstance(value, bytes | Bytes):
        raise UnexpectedDataFromServer("no byte string where one belongs")
    return bytes(value)


def checked_id(value: object) -> bytes:
    id = checked_bytes(value)
    if len(id) != ID_BYTES:
        raise UnexpectedDataFromServer("an id that is none")
    return id


def checked_ids(value: object, method: str) -> list[bytes]:
    """A list of ids, which that method has answered."""
    if not isinstance(value, list):
        raise UnexpectedDataFromServer(f"no ids in answer to {method}")
    return [checked_id(id) for id in value]


def checked_object(value: object) -> Bytes:
    return value if isinstance(value, Bytes) else Bytes(checked_bytes(value))


def checked_objects(values: list[object]) -> list[Bytes]:
    # What is no object in bulk is none that a server of ours or of Borg's would send, but may be one all the same.
    if {*map(type, values)} <= {Bytes}:
        return values  # type: ignore[return-value]
    return [checked_object(value) for value in values]


def checked_number(value: object, what: str) -> int:
    """A number of at least 0; `what` it should be is for the message."""
    if type(value) is not int or value < 0:
        raise UnexpectedDataFromServer(f"no {what}")
    return value


def checked_verdict(value: object) -> bool:
    if not isinstance(value, bool):
        raise UnexpectedDataFromServer("no verdict")
    return value
