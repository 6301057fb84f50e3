"""Files to measure backups with: all zeros, or random."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from vinculum.errors import PathAlreadyExists

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK_BYTES = 1 << 20
_DIRECTORY = "borg-test-data"


class Sample(NamedTuple):
    """A kind of files to measure with."""

    name: str
    files: int
    size_bytes: int
    random: bool


@contextmanager
def sample_files(place: str, sample: Sample) -> Iterator[str]:
    """Makes the files in a new directory below `place`, yields its path, and removes it in the end. PathAlreadyExists."""
    path = os.path.join(place, _DIRECTORY)
    try:
        os.makedirs(path)
    except FileExistsError:
        raise PathAlreadyExists(path) from None
    try:
        for number in range(sample.files):
            _write(os.path.join(path, f"file_{number}"), sample)
        yield path
    finally:
        shutil.rmtree(path)


def _write(path: str, sample: Sample) -> None:
    zeros = bytes(_BLOCK_BYTES)
    with open(path, "wb") as file:
        for start in range(0, sample.size_bytes, _BLOCK_BYTES):
            count = min(_BLOCK_BYTES, sample.size_bytes - start)
            file.write(os.urandom(count) if sample.random else zeros[:count])
        file.flush()
        # A backup reads from the disk, so the files must leave the memory.
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
