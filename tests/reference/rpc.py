"""Runs of messages as docs/format/protocol.md lets one think of them: every message unpacked, compared and packed by itself."""

from __future__ import annotations

import msgpack

MANIFEST = bytes(32)
MAX_DATA = 20 * 2**20 - 41


def _unpacked(message: bytes) -> object:
    return msgpack.unpackb(message, raw=True, strict_map_key=False)


def _known_request(value: object) -> tuple[str, int, object] | None:
    if not isinstance(value, dict) or list(value) != [b"i", b"m", b"a"] or type(value[b"i"]) is not int:
        return None
    number, method, arguments = value.values()
    if not 0 <= number < 2**63 or not isinstance(arguments, dict):
        return None
    wait = arguments.pop(b"wait", True)
    id = arguments.pop(b"id", None)
    if not isinstance(id, bytes) or len(id) != 32 or type(wait) is not bool:
        return None
    if method == b"get" and not arguments:
        return ("gets", number, id)
    data = arguments.pop(b"data", None)
    if method == b"put" and isinstance(data, bytes) and not arguments and id != MANIFEST and 0 < len(data) <= MAX_DATA:
        return ("puts", number, (id, data))
    return None


def _known_reply(value: object) -> tuple[str, int, object] | None:
    if (
        not isinstance(value, dict)
        or list(value) != [b"i", b"r"]
        or type(value[b"i"]) is not int
        or not 0 <= value[b"i"] < 2**63
    ):
        return None
    number, result = value.values()
    if result is None:
        return ("acknowledged", number, None)
    return ("objects", number, result) if isinstance(result, bytes) else None


def group(messages: list[bytes], *, are_requests: bool) -> list[tuple[str, int, list[object]]]:
    """(kind, first number, what of each) of every run; what is of no kind that comes in runs is `other` by itself."""
    runs: list[tuple[str, int, list[object]]] = []
    for message in messages:
        known = (_known_request if are_requests else _known_reply)(_unpacked(message))
        if known is None:
            runs.append(("other", 0, [message]))
            continue
        kind, number, what = known
        if runs and runs[-1][0] == kind and number == runs[-1][1] + len(runs[-1][2]):
            stored = {one[0] for one in runs[-1][2]} if kind == "puts" else set()
            if not isinstance(what, tuple) or what[0] not in stored:
                runs[-1][2].append(what)
                continue
        runs.append((kind, number, [what]))
    return runs
