"""Which directories a client may reach through `borg serve`, and how the server gets there without being led astray.

A path that has been checked may lead elsewhere a moment later, if somebody can change links on the way. So the server makes the
repository its working directory, asks the kernel where that is, checks the answer, and from then on uses names relative to it
only: nothing that happens to the path later matters.
"""

from __future__ import annotations

import os

from vinculum.errors import (
    Error,
    InvalidRepository,
    ParentPathDoesNotExist,
    PathAlreadyExists,
    PathNotAllowed,
    PathPermissionDenied,
    RepositoryDoesNotExist,
)
from vinculum.platform.files import sync_directory
from vinculum.platform.paths import base_dir
from vinculum.repository.creation import fill_directory, is_prepared
from vinculum.repository.storage import LocalStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = "."
_MAX_PATH_BYTES = 4096  # what Linux takes; resolving a longer one costs time for nothing


class WorkingDirectory(LocalStorage):
    """The files of the working directory, wherever that has moved."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(HERE)

    def remove_directory(self, name: str) -> None:
        if name:
            super().remove_directory(name)
            return
        # The kernel does not remove "."; another empty directory that took its name meanwhile is no loss.
        above = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.rmdir(os.path.basename(os.getcwd()), dir_fd=above)
        finally:
            os.close(above)


class Restrictions:
    """Repositories have to be below one of `paths`, if there are any, and be one of `repositories`, if there are any."""

    __slots__ = ("_paths", "_repositories")

    def __init__(self, paths: Sequence[str] = (), repositories: Sequence[str] = ()) -> None:
        self._paths = [_with_slash(os.path.realpath(path)) for path in paths]
        self._repositories = [_with_slash(os.path.realpath(path)) for path in repositories]

    def allow(self, path: str) -> bool:
        """Whether a repository may be at `path`, in which all links have been resolved."""
        whole = _with_slash(path)
        return (not self._paths or whole.startswith(tuple(self._paths))) and (
            not self._repositories or whole in self._repositories
        )


class Doorkeeper:
    """Leads a connection to the repositories that it may use; relative paths begin at the directory it was started in."""

    def __init__(self, restrictions: Restrictions) -> None:
        self._restrictions = restrictions
        self._start = os.getcwd()

    def enter(self, text: str) -> str:
        """Makes the repository that a client calls `text` the working directory; returns where that is."""
        path = self._resolve(text)
        try:
            os.chdir(path)
        except FileNotFoundError:
            raise RepositoryDoesNotExist(path) from None
        except NotADirectoryError:
            raise InvalidRepository(path) from None
        except PermissionError:
            raise PathPermissionDenied(path) from None
        return self._look_around(text)

    def create(self, text: str, *, make_parent_dirs: bool, append_only: bool, storage_quota: int) -> None:
        """Makes a new repository where a client wants it."""
        path = self._resolve(text)
        try:
            is_prepared(path)
            self._make_directories(text, path, make_parent_dirs=make_parent_dirs)
        except PermissionError:
            raise PathPermissionDenied(path) from None
        storage = WorkingDirectory()
        if storage.list(""):
            raise PathAlreadyExists(path)
        fill_directory(storage, append_only=append_only, storage_quota=storage_quota)

    def _make_directories(self, text: str, path: str, *, make_parent_dirs: bool) -> None:
        """Makes what is missing of the path one by one, each seen to be on an allowed way, and enters the last one."""
        missing: list[str] = []
        there = path
        while True:
            try:
                os.chdir(there)
                break
            except FileNotFoundError:
                there, name = os.path.split(there)
                missing.insert(0, name)
        if len(missing) > 1 and not make_parent_dirs:
            raise ParentPathDoesNotExist(path)
        self._look_around(text, *missing)
        for done, name in enumerate(missing, start=1):
            os.mkdir(name)
            sync_directory(".")
            os.chdir(name)
            self._look_around(text, *missing[done:])

    def _resolve(self, text: str) -> str:
        """Where `text` leads at the moment, if a client may go there."""
        if len(os.fsencode(text)) > _MAX_PATH_BYTES:
            raise Error("The path of the repository is too long.")
        path = os.path.realpath(os.path.join(self._start, expand(text)))
        if not self._restrictions.allow(path):
            raise PathNotAllowed(text)
        return path

    def _look_around(self, text: str, *below: str) -> str:
        """Where the kernel says that we are, if a client may use what is `below`."""
        here = os.path.join(os.getcwd(), *below)
        if not self._restrictions.allow(here):
            raise PathNotAllowed(text)
        return here


def expand(path: str) -> str:
    """What a client's path means: `~` is our home and `~user` that user's; in URLs, `/` stands before them and before `.`."""
    if path.startswith("/~"):
        path = path[1:]
    if path == "~" or path.startswith("~/"):
        return os.path.join(base_dir(), path[2:])
    if path.startswith("~"):
        return os.path.expanduser(path)
    return path.removeprefix("/./")


def _with_slash(path: str) -> str:
    """So that comparing beginnings compares whole names."""
    return os.path.join(path, "")
