"""How files are put back, one after the other and by their paths: what the restoring kernel does in parallel, by descriptors.

Covers what can be seen in a tree afterwards, but for ACLs and flags.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple


class File(NamedTuple):
    """What is to be restored: `kind` is directory, finish, file, link or special."""

    kind: str
    path: bytes
    mode: int = stat.S_IFREG | 0o644
    mtime: int = 0
    content: bytes = b""
    source: bytes = b""
    xattrs: tuple[tuple[bytes, bytes], ...] = ()


class Refused(Exception):
    """The argument is the kind of trouble."""


def _names(path: bytes) -> list[bytes]:
    names = path.split(b"/")
    if path.startswith(b"/") or b".." in names or b"\0" in path:
        raise Refused("path")
    return [name for name in names if name not in (b"", b".")]


def _full(top: bytes, names: list[bytes], *, create: bool) -> bytes:
    """The path of a file whose parents are real directories."""
    path = top
    for name in names[:-1]:
        path += b"/" + name
        if os.path.islink(path):
            raise Refused("parent")
        if create and not os.path.lexists(path):
            os.mkdir(path)
        if not os.path.isdir(path):
            os.listdir(path)  # fails as it should
    return path + b"/" + (names[-1] if names else b".")


def _remove(path: bytes) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _link(top: bytes, file: File) -> None:
    try:
        source = _names(file.source)
    except Refused:
        raise Refused("link") from None
    full = _full(top, _names(file.path), create=True)
    try:
        origin = _full(top, source, create=False)
    except Refused:
        raise Refused("link") from None
    if os.path.lexists(full) and os.path.lexists(origin):
        _remove(full)
    os.link(origin, full, follow_symlinks=False)


def _create(full: bytes, file: File) -> None:
    _remove(full)
    if file.kind == "file":
        with open(full, "xb") as opened:
            opened.write(file.content)
    elif stat.S_ISLNK(file.mode):
        os.symlink(file.source, full)
    else:
        os.mkfifo(full)


def _restore(top: bytes, file: File) -> None:
    if file.kind == "link":
        _link(top, file)
        return
    full = _full(top, _names(file.path), create=file.kind != "finish")
    if file.kind == "directory":
        if os.path.islink(full) or not os.path.isdir(full):
            _remove(full)
            os.mkdir(full, 0o700)
        return
    if file.kind == "finish":
        os.close(os.open(full, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))
    else:
        _create(full, file)
    if not stat.S_ISLNK(file.mode):
        os.chmod(full, stat.S_IMODE(file.mode))
    for name, value in file.xattrs:
        os.setxattr(full, name, value, follow_symlinks=False)
    os.utime(full, ns=(file.mtime, file.mtime), follow_symlinks=False)


def restore(top: Path, files: list[File]) -> list[tuple[int, str]]:
    """Restores all of them in order; returns which failed, and why: "os" or what the kernel calls it."""
    troubles = []
    for place, file in enumerate(files):
        try:
            _restore(os.fsencode(top), file)
        except Refused as refusal:
            troubles.append((place, refusal.args[0]))
        except OSError:
            troubles.append((place, "os"))
    return troubles
