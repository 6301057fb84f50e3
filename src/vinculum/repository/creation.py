"""Making a new repository directory: where one may be, and what an empty one holds.

Never inside another repository, never over anything that is there already.
"""

from __future__ import annotations

import os
import stat

from vinculum.errors import ParentPathDoesNotExist, PathAlreadyExists, PathPermissionDenied, RepositoryAlreadyExists
from vinculum.platform.files import sync_directory
from vinculum.repository.config import new_config, write_config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.repository.storage import Storage

_README = b"This is a Borg Backup repository.\nSee https://borgbackup.readthedocs.io/\n"
_README_MARKS = (b"Borg Backup repository", b"Borg repository")
_README_HEAD = 100


def create_directory(path: str, *, make_parent_dirs: bool) -> None:
    """Makes the directory of a new repository, or accepts one that is empty; `path` is absolute."""
    try:
        if not is_prepared(path):
            if make_parent_dirs:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            os.mkdir(path)
            sync_directory(os.path.dirname(path))  # or a power cut could take the directory with all that will be in it
    except PermissionError:
        raise PathPermissionDenied(path) from None
    except FileNotFoundError:
        raise ParentPathDoesNotExist(path) from None


def is_prepared(path: str) -> bool:
    """Whether an empty directory is there already; an error if there cannot be a repository at this absolute path."""
    status = _find_status(path)
    if status is not None:
        if _is_repository(path):
            raise RepositoryAlreadyExists(path)
        if not stat.S_ISDIR(status.st_mode) or os.listdir(path):
            raise PathAlreadyExists(path)
    above = os.path.dirname(path)
    while True:
        if _is_repository(above):
            raise RepositoryAlreadyExists(above)
        if above == os.path.dirname(above):
            return status is not None
        above = os.path.dirname(above)


def fill_directory(storage: Storage, *, append_only: bool, storage_quota: int) -> None:
    """Writes the files of an empty repository; the config comes last, since without it there is no repository."""
    storage.write("README", _README)
    storage.make_directory("data")
    write_config(storage, new_config(append_only=append_only, storage_quota=storage_quota))


def _find_status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_repository(path: str) -> bool:
    try:
        with open(os.path.join(path, "README"), "rb", buffering=0) as file:
            head = file.read(_README_HEAD) or b""
    except OSError:
        # Directories above may well be closed to us; what cannot be read does not forbid anything.
        return False
    return any(mark in head for mark in _README_MARKS)
