"""Recorded messages between real clients and servers are in our dialect of msgpack: decoded and encoded again byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from support.rpc_sessions import SESSIONS, as_recorded, complete
from vinculum.formats.msgpack import pack, unpack


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session["session"])
def test_messages_decode_as_recorded_and_encode_to_the_same_bytes(session: dict[str, Any]) -> None:
    messages = complete(session, "client_to_server") + complete(session, "server_to_client")
    assert messages
    for packed, decoded in messages:
        value = unpack(packed)
        assert pack(value) == packed
        assert as_recorded(value) == decoded
