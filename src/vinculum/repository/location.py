"""Where a repository is, and which archive in it is meant: `REPOSITORY[::ARCHIVE]`.

The text is taken as it is: placeholders and the environment are the command line's business. Paths are normalised lexically
only. The first of these forms that fits the whole text wins:

    ssh://[USER@]HOST[:PORT]/PATH[::ARCHIVE]
    file://PATH[::ARCHIVE]
    [[USER@]HOST:]PATH[::ARCHIVE]
    [::[ARCHIVE]]                   with the repository from elsewhere
"""

from __future__ import annotations

import os


class Location:
    """A parsed location; immutable by convention. `proto` is "ssh" or "file"; IPv6 hosts are without brackets."""

    __slots__ = ("archive", "given", "host", "path", "port", "proto", "user")

    def __init__(
        self,
        proto: str,
        path: str,
        *,
        user: str | None = None,
        host: str | None = None,
        port: int | None = None,
        archive: str | None = None,
    ) -> None:
        self.proto = proto
        self.user = user
        self.host = host
        self.port = port
        self.path = path
        self.archive = archive
        self.given = ""
        """As the user wrote it, what came from `default_repo` included; empty if nobody wrote it."""

    @classmethod
    def parse(cls, text: str, default_repo: str | None = None) -> Location:
        """Parses `text`; `default_repo` serves where it names no repository. ValueError if it is no location."""
        found = _parse_direct(text)
        if found is not None:
            found.given = text
            return found
        archive = text.removeprefix("::")
        if (text and not text.startswith("::")) or "/" in archive:
            raise ValueError(f"{text!r} is not a valid repository or archive location")
        base = _parse_direct(default_repo) if default_repo is not None else None
        if base is None:
            raise ValueError(f"{text!r} names no repository, and BORG_REPO does not give one")
        base.archive = archive or None
        base.given = f"{default_repo}{text}"
        return base

    @property
    def is_local(self) -> bool:
        return self.proto == "file"

    def canonical(self) -> str:
        """The location without the archive in its one standard spelling."""
        if self.is_local:
            return self.path
        host = f"[{self.host}]" if self.host and ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        path = self.path
        if path.startswith("~"):
            path = f"/{path}"
        elif not path.startswith("/"):
            path = f"/./{path}"
        return f"ssh://{user}{host}{port}{path}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Location):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in Location.__slots__ if name != "given")

    def __hash__(self) -> int:
        return hash((self.canonical(), self.archive))

    def __repr__(self) -> str:
        return f"Location({self.canonical()!r}, archive={self.archive!r})"


def _parse_direct(text: str) -> Location | None:
    if text.startswith("ssh://"):
        return _parse_ssh(text[len("ssh://") :])
    if text.startswith("file://"):
        tail = _split_archive(text[len("file://") :])
        if tail is None:
            return None
        path, archive = tail
        slash = path.find("/")
        return None if slash < 0 or slash == len(path) - 1 else Location("file", _normalise(path), archive=archive)
    return _parse_scp(text) or _parse_local(text)


def _parse_ssh(text: str) -> Location | None:
    """What follows `ssh://`."""
    authority, slash, rest = text.partition("/")
    tail = _split_archive(slash + rest)
    user, host_port = _split_user(authority)
    parsed = _split_host(host_port)
    if tail is None or parsed is None:
        return None
    path, archive = tail
    host, after = parsed
    port = after[1:]
    if len(path) < 2 or (after and not (after[0] == ":" and port.isascii() and port.isdecimal())):
        return None
    return Location("ssh", _normalise(path), user=user, host=host, port=int(port) if after else None, archive=archive)


def _parse_scp(text: str) -> Location | None:
    """`[USER@]HOST:PATH`; a colon only counts before the first slash."""
    user, rest = _split_user(text)
    for candidate_user, candidate in ((user, rest), (None, text)):
        parsed = _split_host(candidate)
        if parsed is None or not parsed[1].startswith(":"):
            continue
        host, after = parsed
        tail = _split_archive(after[1:])
        if tail is not None and _is_scp_path(tail[0]):
            return Location("ssh", _normalise(tail[0]), user=candidate_user, host=host, archive=tail[1])
    return None


def _parse_local(text: str) -> Location | None:
    tail = _split_archive(text)
    if tail is None or not _is_scp_path(tail[0]):
        return None
    return Location("file", _normalise(tail[0]), archive=tail[1])


def _is_scp_path(path: str) -> bool:
    return bool(path) and not path.startswith((":", "//", "ssh://"))


def _split_user(text: str) -> tuple[str | None, str]:
    user, at, rest = text.partition("@")
    if at and user and not any(sign in user for sign in ":/"):
        return user, rest
    return None, text


def _split_host(text: str) -> tuple[str, str] | None:
    """The host at the beginning of the text, and what follows it."""
    if text.startswith("["):
        host, bracket, after = text[1:].partition("]")
        return (host, after) if bracket and host and all(sign in "0123456789abcdefABCDEF:." for sign in host) else None
    end = next((at for at, sign in enumerate(text) if sign in ":/[]"), len(text))
    return (text[:end], text[end:]) if end else None


def _split_archive(text: str) -> tuple[str, str | None] | None:
    """Path and archive; None if the archive's name is impossible."""
    path, colons, archive = text.partition("::")
    if colons and (not archive or "/" in archive):
        return None
    return path, archive or None


def _normalise(path: str) -> str:
    normal = os.path.normpath(path)
    if path.startswith("/./") and normal != "/":
        # Relative to the home directory on the other side; normpath alone would make it absolute.
        return f"/.{normal}"
    return normal
