"""Recorded messages between real clients and servers are in our dialect of msgpack: decoded and encoded again byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vinculum.formats.msgpack import pack, unpack

SHORTENED_FROM = 100  # longer values are recorded as their beginning and length
SESSIONS = json.loads((Path(__file__).parents[2] / "golden" / "vectors" / "rpc_sessions.json").read_bytes())["sessions"]


def as_recorded(value: object) -> object:
    """What the recording shows for a decoded value: printable text as text, other raw values in hex."""
    if isinstance(value, bytes):
        if len(value) > SHORTENED_FROM:
            return f"hex:{value[:16].hex()}...({len(value)} bytes)"
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return f"hex:{value.hex()}"
        return text if text.isprintable() and len(value) not in (32, 64) else f"hex:{value.hex()}"
    if isinstance(value, dict):
        return {as_recorded(key): as_recorded(element) for key, element in value.items()}
    return [as_recorded(element) for element in value] if isinstance(value, list) else value


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session["session"])
def test_messages_decode_as_recorded_and_encode_to_the_same_bytes(session: dict[str, list[dict[str, object]]]) -> None:
    complete = [message for side in ("client_to_server", "server_to_client") for message in session[side] if "hex" in message]
    assert complete
    for message in complete:
        packed = bytes.fromhex(str(message["hex"]))
        value = unpack(packed)
        assert pack(value) == packed
        assert as_recorded(value) == message["decoded"]
