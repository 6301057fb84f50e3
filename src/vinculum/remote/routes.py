"""How a server is reached once, and then again without another login.

OpenSSH lets no more than 2 MiB be under way in a session, so one session moves 40 MB/s over 50 ms, whatever the line can do.
But one connection may have several sessions. The first ssh becomes the master of such a connection, unless the user's
configuration has one; further ones go through it or nowhere: whoever configured an agent that asks, a key that wants to be
touched or a firewall that counts connections notices nothing. For another program than ssh it is up to the user to say that it
may be started several times.
"""

from __future__ import annotations

import os
import stat
import subprocess
import time
from string import ascii_letters, digits

from vinculum.remote.command_line import command_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vinculum.remote.command_line import RemoteSettings
    from vinculum.repository.location import Location

_ASK_S = 10.0
# A session of a connection that is there; without one it would fail, rather than log in.
_JOIN_ONLY = ("ControlMaster=no", "ProxyCommand=false", "BatchMode=yes", "ClearAllForwardings=yes", "LogLevel=QUIET")
_LONGEST_PATH_BYTES = 70  # sockets have 104 on some systems, and ssh adds some of its own
_PLAIN = frozenset("/-._+@" + ascii_letters + digits)  # what means nothing else to ssh
_PREFIX, _RANDOM_BYTES = "vinculum-ssh-", 6
_NAME_CHARACTERS = len(_PREFIX) + 2 * _RANDOM_BYTES
_SOCKET = "ssh"
_ABANDONED_S = 3600  # whoever made a directory has had its ssh listen there by then, or never will


class Route:
    """`first` is the command to reach the server with; `further`, which works as long as that runs, None if there is no such.

    Close it when none of them runs any more.
    """

    __slots__ = ("_directory", "first", "further")

    def __init__(self, first: Sequence[str], further: Sequence[str] | None, directory: str | None = None) -> None:
        self.first = first
        self.further = further
        self._directory = directory

    def close(self) -> None:
        """Removes what was made for it. May be called again."""
        directory, self._directory = self._directory, None
        if directory is not None:
            try:
                _remove(directory)
            except OSError:
                pass  # whatever it is, it hurts nobody


def find_route(location: Location, settings: RemoteSettings) -> Route:
    """How to reach the server of that location. CommandError if the user's words make no command."""
    command = command_line(location, settings)
    if settings.connections == 1:
        return Route(command, None)
    if os.path.basename(command[0]) != "ssh":
        return Route(command, command if settings.connections else None)
    has_own = _has_own_master(command, settings)
    if has_own is None:
        return Route(command, None)
    if has_own:
        return Route(command, _with_options(command, _JOIN_ONLY))
    directory = _new_directory(settings)
    if directory is None:
        return Route(command, None)
    path = f"ControlPath={directory}/{_SOCKET}"
    first = _with_options(command, ("ControlMaster=yes", "ControlPersist=no", path))
    return Route(first, _with_options(command, (*_JOIN_ONLY, path)), directory)


def _new_directory(settings: RemoteSettings) -> str | None:
    """Where the socket of a connection can be: a directory of its own, for nobody else. None if there is no place for one."""
    places = (settings.environment.get("XDG_RUNTIME_DIR"), settings.environment.get("TMPDIR"), "/tmp")
    place = next((place for place in places if place and os.path.isdir(place)), "")
    directory = os.path.join(os.path.abspath(place), f"{_PREFIX}{os.urandom(_RANDOM_BYTES).hex()}")
    if len(os.fsencode(directory)) > _LONGEST_PATH_BYTES or not _PLAIN.issuperset(directory):
        return None
    try:
        _remove_abandoned(place)
        os.mkdir(directory, 0o700)
    except OSError:
        return None
    return directory


def _remove_abandoned(place: str) -> None:
    """Removes what killed clients of this user have left there: their ssh took its socket along, if it was not killed, too."""
    with os.scandir(place) as entries:
        alike = [entry for entry in entries if entry.name.startswith(_PREFIX) and len(entry.name) == _NAME_CHARACTERS]
    for entry in alike:
        try:
            found = entry.stat(follow_symlinks=False)
            is_own = entry.is_dir(follow_symlinks=False) and found.st_uid == os.geteuid()
            if is_own and time.time() - found.st_mtime > _ABANDONED_S and not _listens(entry.path):
                _remove(entry.path)
        except OSError:
            pass


def _remove(directory: str) -> None:
    """With the sockets in it, and not at all if there is anything else."""
    for entry in os.scandir(directory):
        if stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode):
            os.unlink(entry.path)
    os.rmdir(directory)


def _listens(directory: str) -> bool:
    import socket  # rarely

    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(os.path.join(directory, _SOCKET)) == 0


def _with_options(command: Sequence[str], options: Sequence[str]) -> list[str]:
    """What ssh is told first counts."""
    return [command[0], *(word for option in options for word in ("-o", option)), *command[1:]]


def _has_own_master(command: Sequence[str], settings: RemoteSettings) -> bool | None:
    """Whether ssh is configured to share connections to there; None if it does not tell."""
    try:
        asked = subprocess.run(
            [command[0], "-G", *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(settings.environment),
            timeout=_ASK_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = {
        name: value for name, _, value in (line.partition(" ") for line in asked.stdout.decode("utf-8", "replace").splitlines())
    }
    return found.get("controlpath", "none").strip().lower() != "none"
