"""The secrets that make two repositories cut and name chunks alike, as one repository exports them for the other.

    {"version": 1, "id_key": hex, "chunk_seed": signed 32 bit, "key_name": label of the mode}

The file is not encrypted. The ids of both repositories must be of the same kind.
"""

from __future__ import annotations

import json

from vinculum.errors import CommandError
from vinculum.formats.json_text import parse_json
from vinculum.keys.modes import MODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vinculum.keys.modes import Mode

_VERSION = 1
_SEEDS = range(-(2**31), 2**31)
_ID_KEY_BYTES = {"hmac-sha256": 32, "blake2b": 128}


class RelatedSecrets:
    """What the new repository takes over. Immutable."""

    __slots__ = ("chunk_seed", "id_key")

    def __init__(self, id_key: bytes, chunk_seed: int) -> None:
        self.id_key = id_key
        self.chunk_seed = chunk_seed

    def __repr__(self) -> str:
        return "<RelatedSecrets>"


def read_related_secrets(path: str, mode: Mode) -> RelatedSecrets | None:
    """The secrets in that file for a new repository in `mode`; None if that has no secrets. CommandError, OSError."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if mode.storage == "none":
        return None
    try:
        fields: Any = parse_json(text)
        version = fields["version"]
        if version != _VERSION:
            raise CommandError(f"Unsupported related secrets version: {version}")
        origin = next(other for other in MODES.values() if other.label == fields["key_name"])
        id_key, seed = bytes.fromhex(fields["id_key"]), fields["chunk_seed"]
        if len(id_key) != _ID_KEY_BYTES[origin.id_kind] or type(seed) is not int or seed not in _SEEDS:
            raise ValueError(path)
    except (KeyError, StopIteration, TypeError, ValueError):
        raise CommandError(f"{path} does not hold related secrets.") from None
    if origin.id_kind != mode.id_kind:
        raise CommandError(
            f"Secrets of a repository in mode {origin.name} do not serve mode {mode.name}: "
            "chunks would get other ids (HMAC-SHA256 or BLAKE2b), and nothing would be deduplicated."
        )
    return RelatedSecrets(id_key, seed)


def format_related_secrets(secrets: RelatedSecrets, mode: Mode) -> str:
    """The content of the file, as a repository in `mode` exports it."""
    document = {
        "version": _VERSION,
        "id_key": secrets.id_key.hex(),
        "chunk_seed": secrets.chunk_seed,
        "key_name": mode.label,
    }
    return json.dumps(document, indent=4) + "\n"
