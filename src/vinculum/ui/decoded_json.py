"""Maps as they are stored, as JSON that people can read: Borg's `debug` commands write it.

Byte strings that are UTF-8 become texts; others, such as ids, hex digits behind an ASCII DEL, with which no text begins.
"""

from __future__ import annotations

import json

_MARK = "\x7f"


def decoded(value: object) -> object:
    """What JSON can hold of a stored value, with sorted keys."""
    if isinstance(value, bytes):
        return _decoded_bytes(value)
    if isinstance(value, list | tuple):
        return [decoded(element) for element in value]
    if isinstance(value, dict):
        named = {_decoded_bytes(key) if isinstance(key, bytes) else str(key): decoded(value[key]) for key in value}
        return dict(sorted(named.items()))
    return value


def dump(value: object, margin: int = 0) -> str:
    """The JSON text of a stored value, every line moved to the right by `margin` columns."""
    space = " " * margin
    return space + json.dumps(decoded(value), indent=4).replace("\n", f"\n{space}")


def _decoded_bytes(value: bytes) -> str:
    if not value.startswith(_MARK.encode()):
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return _MARK + value.hex()
