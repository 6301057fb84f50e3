"""What is started to reach a server."""

from __future__ import annotations

import pytest

from vinculum.errors import CommandError
from vinculum.remote.command_line import RemoteSettings, command_line
from vinculum.repository.location import Location


def words(location: str, **settings: object) -> str:
    return " ".join(command_line(Location.parse(location), RemoteSettings({}, **settings)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("location", "settings", "expected"),
    [
        ("ssh://host/r", {}, "ssh host borg serve"),
        ("ssh://user@host:2222/r", {}, "ssh -p 2222 user@host borg serve"),
        ("user@host:r", {"rsh": "ssh -i 'a key'"}, "ssh -i a key user@host borg serve"),
        ("ssh://user@[::1]/r", {}, "ssh user@::1 borg serve"),
        ("host:r", {"remote_path": "borg1"}, "ssh host borg1 serve"),
        ("host:r", {"log_level": "debug"}, "ssh host borg serve --debug"),
        ("host:r", {"log_level": "critical"}, "ssh host borg serve --critical"),
        ("host:r", {"storage_quota": 5000}, "ssh host borg serve --storage-quota=5000"),
        (
            "host:r",
            {"debug_topics": ["repository.compaction", "files_cache", "borg.debug.repository"]},
            "ssh host borg serve --debug-topic=repository.compaction --debug-topic=borg.debug.repository",
        ),
    ],
)
def test_words(location: str, settings: dict[str, object], expected: str) -> None:
    assert words(location, **settings) == expected


def test_a_topic_without_a_point_is_borgs() -> None:
    assert words("host:r", debug_topics=["repository"]) == "ssh host borg serve --debug-topic=borg.debug.repository"


def test_a_host_cannot_be_an_option() -> None:
    """Or a location from somewhere else could start any program."""
    with pytest.raises(CommandError):
        words("ssh://-oProxyCommand=touch%20x/r")


@pytest.mark.parametrize("rsh", ["", " ", "ssh 'half"])
def test_a_remote_shell_has_to_be_one(rsh: str) -> None:
    with pytest.raises(CommandError):
        words("host:r", rsh=rsh)
