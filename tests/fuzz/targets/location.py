"""Where a repository is: typed by people, and by scripts that others may have a say in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from vinculum.errors import CommandError
from vinculum.remote.command_line import RemoteSettings, command_line
from vinculum.repository.location import Location

VECTORS = Path(__file__).parents[2] / "golden" / "vectors" / "locations.json"
WORDS = [b"ssh://", b"file://", b"::", b"@", b"/./", b"/~/", b"[::1]", b"..", b"-oProxyCommand=x", b":22"]


def seeds() -> Iterator[bytes]:
    for case in json.loads(VECTORS.read_text())["cases"]:
        yield case["text"].encode("utf-8", "surrogateescape")


def fuzz(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        location = Location.parse(text)
    except ValueError:
        return
    assert location.path
    assert location.archive is None or location.archive
    assert location.is_local == (location.host is None)
    if location.is_local:
        assert location.canonical() == location.path
        return
    assert location.canonical().startswith("ssh://")
    try:
        words = command_line(location, RemoteSettings({}))
    except CommandError:
        return
    # The path goes over the connection: the shell at the other side never sees it.
    port = ["-p", str(location.port)] if location.port else []
    destination = f"{location.user}@{location.host}" if location.user else location.host
    assert words == ["ssh", *port, destination, "borg", "serve"]
    assert not words[-3].startswith("-")
