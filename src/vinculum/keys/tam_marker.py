"""The file by which a client remembers that a repository's manifest was authenticated, so that it must stay so."""

from __future__ import annotations

import os

from vinculum.platform.paths import make_private, security_dir

_NAME = "tam_required"


def is_marked(repository_id: bytes) -> bool:
    return os.path.exists(_path(repository_id))


def set_marked(repository_id: bytes, required: bool) -> None:
    """Creates or removes the file as needed."""
    if required == is_marked(repository_id):
        return
    path = _path(repository_id)
    if required:
        make_private(os.path.dirname(path))
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    else:
        os.unlink(path)


def _path(repository_id: bytes) -> str:
    return os.path.join(security_dir(repository_id), _NAME)
