"""The recorded conversations between real clients and servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SESSIONS: list[dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parents[1] / "golden" / "vectors" / "rpc_sessions.json").read_bytes()
)["sessions"]
SHORTENED_FROM = 100  # longer values are recorded as their beginning and length


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


def complete(session: dict[str, Any], side: str) -> list[tuple[bytes, Any]]:
    """What a side ("client_to_server", "server_to_client") said, as far as it was recorded whole: bytes, and their meaning."""
    return [(bytes.fromhex(message["hex"]), message["decoded"]) for message in session[side] if "hex" in message]
