"""The undo log of a cache directory: copies of its files that an interrupted commit leaves behind for the next opener.

A transaction is a directory beside the files: `txn.tmp` while it is filled or emptied (removed by every opener), `txn.active`
while the originals may be inconsistent (copied back by every opener, real Borg included). Invariant: it becomes active by
rename only, so it is complete whenever it counts. The copies must be real ones: Borg cannot roll back a hard link to the file
that it restores.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ACTIVE = "txn.active"
PASSING = "txn.tmp"
_COPY_BYTES = 1 << 24


def begin(directory: str, names: list[str], tell: Callable[[str], None] = lambda _: None) -> None:
    """Saves the present content of the files `names` (those that exist), so that `recover` can bring it back.

    A transaction that failed before is undone first. `tell` hears of each file before it is copied.
    """
    recover(directory)
    passing = os.path.join(directory, PASSING)
    os.mkdir(passing, 0o700)
    for name in names:
        tell(name)
        try:
            _copy(os.path.join(directory, name), os.path.join(passing, name))
        except FileNotFoundError:
            continue
    os.rename(passing, os.path.join(directory, ACTIVE))


def end(directory: str) -> None:
    """Declares the new content of the files valid and drops the copies."""
    passing = os.path.join(directory, PASSING)
    os.rename(os.path.join(directory, ACTIVE), passing)
    _remove(passing)


def recover(directory: str) -> bool:
    """Undoes an interrupted transaction; True if there was one. It may be interrupted itself and repeated."""
    passing, active = os.path.join(directory, PASSING), os.path.join(directory, ACTIVE)
    if os.path.lexists(passing):
        _remove(passing)
    if not os.path.isdir(active):
        return False
    for name in os.listdir(active):
        _copy(os.path.join(active, name), os.path.join(directory, name))
    end(directory)
    return True


def _copy(source: str, target: str) -> None:
    with open(source, "rb") as reader, open(target, "wb", opener=_private) as writer:
        if not _share(reader.fileno(), writer.fileno()):
            reader.seek(writer.seek(0, os.SEEK_END))
            while piece := reader.read(_COPY_BYTES):
                writer.write(piece)


def _share(reader: int, writer: int) -> bool:
    """Copies inside the kernel, where the file system may share the blocks; False if it cannot (what came through stays)."""
    try:
        while os.copy_file_range(reader, writer, _COPY_BYTES):
            pass
    except (AttributeError, OSError):
        return False
    return True


def _remove(directory: str) -> None:
    for name in os.listdir(directory):
        os.unlink(os.path.join(directory, name))
    os.rmdir(directory)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
