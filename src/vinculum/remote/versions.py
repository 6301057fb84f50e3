"""Versions of the two programs: how they tell each other, and what an older server does not know.

A version is an array of numbers that compares as a tuple: `1.4.5` is (1, 4, 5, -1), `1.2.0a4` is (1, 2, 0, -4, 4).
Borg 1.0 says 2 instead, the number of its protocol; it stays with the tuple form.
"""

from __future__ import annotations

import re

from vinculum import BORG_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Version: TypeAlias = tuple[int, ...]

TUPLE_PROTOCOL = 2
OLDEST: Version = (1, 0, 0, -1)  # stands for every version that says TUPLE_PROTOCOL
JSON_LOGS_SINCE: Version = (1, 1, 0, -3, 6)
_STAGES = {"a": -4, "b": -3, "rc": -2, "dev": -9}
_MAX_PARTS = 10


def parse_version(text: str) -> Version:
    """The numbers of a version that is written out; ValueError if it is none."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)(?:\.?(a|b|rc|dev)(\d+))?", text)
    if found is None:
        raise ValueError(f"{text!r} is no version")
    major, minor, patch, stage, number = found.groups()
    return (int(major), int(minor), int(patch), *((_STAGES[stage], int(number)) if stage else (-1,)))


def format_version(version: Version) -> str:
    """The version as people write it."""
    stages = {value: name for name, value in _STAGES.items()}
    text = ".".join(str(part) for part in version[:3])
    if len(version) > 4 and version[3] in stages:
        name = stages[version[3]]
        return f"{text}{'.' if name == 'dev' else ''}{name}{version[4]}"
    return text


OWN_VERSION = parse_version(BORG_VERSION)

# Since when servers know a method, or an argument where it matters; what they do not know they ignore.
METHODS_SINCE = {"scan": parse_version("1.1.0b3")}
ARGUMENTS_SINCE = {
    ("open", "append_only"): parse_version("1.0.7"),
    ("open", "make_parent_dirs"): parse_version("1.1.9"),
    ("check", "max_duration"): parse_version("1.2.0a4"),
}


def client_data() -> dict[str, object]:
    """What a client says of itself when it negotiates."""
    return {"client_version": list(OWN_VERSION)}


def server_data(client: Version) -> dict[str, object] | int:
    """What a server answers to such a client."""
    return TUPLE_PROTOCOL if client <= OLDEST else {"server_version": list(OWN_VERSION)}


def peer_version(data: object, side: str) -> Version:
    """The version in what the peer ("client" or "server") said; ValueError if there is none in it."""
    if type(data) is int and data == TUPLE_PROTOCOL:
        return OLDEST
    numbers = data.get(f"{side}_version".encode()) if isinstance(data, dict) else None
    if not isinstance(numbers, list) or not 3 <= len(numbers) <= _MAX_PARTS or any(type(part) is not int for part in numbers):
        raise ValueError(f"the {side} does not tell its version")
    return tuple(numbers)
