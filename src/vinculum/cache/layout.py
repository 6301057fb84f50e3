"""What a cache directory consists of before anything was cached, and how one comes to be, is begun anew, and goes.

Real Borg cannot open a cache directory that lacks a file, so a new one appears by rename with everything in it, and `config` is
the last file that a wipe replaces.
"""

from __future__ import annotations

import os

from vinculum._native import ChunkIndex
from vinculum.cache.config import CacheConfig
from vinculum.platform.files import named, write_all
from vinculum.platform.paths import make_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Blob

README_TEXT = b"This is a Borg Backup cache.\nSee https://borgbackup.readthedocs.io/\n"
ARCHIVE_INDEXES = "chunks.archive.d"
FILES_CACHE = "files"
SUFFIXED_FILES = "files."
"""How the names of further files caches begin, each for those who gave the same suffix."""


def create_cache(directory: str, repository_id: bytes) -> None:
    """Makes an empty cache unless the directory exists."""
    if os.path.isdir(directory):
        return
    unfinished = f"{directory}.{os.getpid()}.tmp"
    make_private(unfinished)
    fill_cache(unfinished, repository_id)
    try:
        os.rename(unfinished, directory)
    except OSError:
        # Another process was faster; its cache is as good as ours.
        os.rmdir(os.path.join(unfinished, ARCHIVE_INDEXES))
        for name in os.listdir(unfinished):
            os.unlink(os.path.join(unfinished, name))
        os.rmdir(unfinished)
        if not os.path.isdir(directory):
            raise


def fill_cache(directory: str, repository_id: bytes) -> None:
    """Makes the files of a cache that mirrors nothing, in place of those that are there."""
    indexes = os.path.join(directory, ARCHIVE_INDEXES)
    if not os.path.lexists(indexes):  # users put a file there to do without
        os.mkdir(indexes, 0o700)
    for name, content in (
        ("README", README_TEXT),
        ("chunks", ChunkIndex().save()),
        (FILES_CACHE, b""),
        ("pre12-meta", b"{}"),
    ):
        replace_content(os.path.join(directory, name), content)
    CacheConfig.fresh(os.path.join(directory, "config"), repository_id).save()


def wipe_cache(directory: str, repository_id: bytes) -> None:
    """Makes a cache mirror nothing, whoever may have filled it. The caller holds its lock."""
    for name in os.listdir(directory):
        if name.startswith(SUFFIXED_FILES):
            os.unlink(os.path.join(directory, name))
    fill_cache(directory, repository_id)


def destroy_cache(directory: str) -> None:
    """Deletes a cache, if it is one."""
    import shutil  # rarely needed

    try:
        os.unlink(os.path.join(directory, "config"))  # what has none is no cache any more, whatever happens next
    except FileNotFoundError:
        return
    shutil.rmtree(directory)


def replace_content(path: str, content: Blob) -> None:
    """Writes a file in place. Not synced: what a cache holds is verified when it is read, and can be had again."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, content)
    except OSError as error:
        raise named(error, path) from None
    finally:
        os.close(fd)
