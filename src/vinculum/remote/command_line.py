"""The command that takes us to the server: ssh(1) or what the user has instead, and the `borg serve` it starts there."""

from __future__ import annotations

import shlex

from vinculum.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vinculum.repository.location import Location


class RemoteSettings:
    """How the user wants to reach servers. Immutable.

    `environment` is what the child gets to see: no passphrase is in it. `log_level` is one of the command line's levels;
    `connections` how many there may be at once, 0 for as many as seem sensible.
    """

    __slots__ = (
        "connections",
        "debug_topics",
        "environment",
        "log_level",
        "remote_path",
        "rsh",
        "storage_quota",
        "upload_buffer_bytes",
        "upload_bytes_per_s",
    )

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        rsh: str = "ssh",
        remote_path: str = "borg",
        log_level: str = "warning",
        debug_topics: Sequence[str] = (),
        storage_quota: int = 0,
        upload_bytes_per_s: int = 0,
        upload_buffer_bytes: int = 0,
        connections: int = 0,
    ) -> None:
        self.connections = connections
        self.environment = environment
        self.rsh = rsh
        self.remote_path = remote_path
        self.log_level = log_level
        self.debug_topics = debug_topics
        self.storage_quota = storage_quota
        self.upload_bytes_per_s = upload_bytes_per_s
        self.upload_buffer_bytes = upload_buffer_bytes


def command_line(location: Location, settings: RemoteSettings) -> list[str]:
    """The words of the command to start for a repository elsewhere. CommandError if the user's words cannot be told apart."""
    try:
        words = shlex.split(settings.rsh)
    except ValueError as error:
        raise CommandError(f"cannot understand the remote shell {settings.rsh!r}: {error}") from None
    if not words:
        raise CommandError("the remote shell is empty")
    if location.port:
        words += ["-p", str(location.port)]
    assert location.host is not None
    destination = f"{location.user}@{location.host}" if location.user else location.host
    if destination.startswith("-"):
        # ssh would take it for an option, and some of its options start programs.
        raise CommandError(f"{destination!r} is not the name of a host")
    return [*words, destination, settings.remote_path, "serve", *_serve_options(settings)]


def _serve_options(settings: RemoteSettings) -> list[str]:
    options = [] if settings.log_level == "warning" else [f"--{settings.log_level}"]
    for topic in settings.debug_topics:
        name = topic if "." in topic else f"borg.debug.{topic}"
        if "repository" in name:
            options.append(f"--debug-topic={name}")
    if settings.storage_quota:
        options.append(f"--storage-quota={settings.storage_quota}")
    return options
