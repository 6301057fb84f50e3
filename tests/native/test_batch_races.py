"""Files that vanish or become something else while a batch is made of them: each fails alone."""

from __future__ import annotations

import errno
import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from support.file_batches import Backup, replace, settle
from vinculum import _native


def vanish(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def become_symlink(path: Path) -> None:
    vanish(path)
    path.symlink_to("/etc/passwd")


def become_fifo(path: Path) -> None:
    vanish(path)
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("file", vanish, (errno.ENOENT, "open")),
        ("file", replace, (0, "race")),
        ("file", become_symlink, (errno.ELOOP, "open")),
        ("file", become_fifo, (0, "race")),
        ("directory", vanish, (errno.ENOENT, "dir_open")),
        ("symlink", vanish, (errno.ENOENT, "readlink")),
        ("fifo", vanish, (errno.ENOENT, "listxattr")),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_what_moves_underfoot_fails_alone(name: str, change: Any, expected: tuple[int, str], workplace: Path) -> None:
    place = workplace / "place"
    place.mkdir()
    (place / "bystander").write_bytes(b"unharmed")
    (place / "file").write_bytes(b"content")
    (place / "directory").mkdir()
    (place / "symlink").symlink_to("target")
    os.mkfifo(place / "fifo")
    backup = Backup()
    batch = backup.collect(place)
    change(place / name)
    backup.begin(batch)
    outcome = backup.end(batch)
    ((index, path, code, operation),) = batch.failures()
    assert (path, (code, operation)) == (os.fsencode(place / name), expected)
    assert batch.statuses()[index : index + 1] == b"E"
    assert len(outcome.items) == len(batch) - 1
    assert outcome.status[b"bystander"] == "A"


def test_a_directory_that_was_walked_is_archived_as_it_was(workplace: Path) -> None:
    (workplace / "directory").mkdir()
    (workplace / "directory" / "file").write_bytes(b"content")
    backup = Backup()
    batch = backup.collect(workplace)
    vanish(workplace / "directory" / "file")
    become_symlink(workplace / "directory")
    backup.begin(batch)
    outcome = backup.end(batch)
    assert [item[b"mode"] & 0o170000 for item in outcome.items] == [0o040000, 0o040000]
    assert [path for _, path, _, _ in batch.failures()] == [os.fsencode(workplace / "directory" / "file")]


def test_a_renamed_directory_does_not_matter(workplace: Path) -> None:
    place = workplace / "place"
    place.mkdir()
    (place / "file").write_bytes(b"content")
    (place / "symlink").symlink_to("target")
    os.setxattr(place / "symlink", "trusted.x", b"1", follow_symlinks=False)
    backup = Backup()
    listing = _native.scan_directory(_native.scan_root(os.fsencode(place), b"p"), 0)
    batch = _native.FileBatch(backup.options)
    batch.add(listing, 0, len(listing))
    place.rename(workplace / "elsewhere")
    backup.begin(batch)
    outcome = backup.end(batch)
    assert batch.failures() == []
    assert [item.get(b"xattrs") for item in outcome.items if b"source" in item] == [{b"trusted.x": b"1"}]


def test_an_unchanged_file_that_vanishes_gives_its_chunks_back(workplace: Path) -> None:
    (workplace / "file").write_bytes(b"content")
    os.setxattr(workplace / "file", "user.x", b"1")
    settle(workplace)
    backup = Backup()
    backup.run(workplace)
    backup.forget()
    batch = backup.collect(workplace)
    (workplace / "file").unlink()
    backup.begin(batch)
    backup.end(batch)
    assert [(code, operation) for _, _, code, operation in batch.failures()] == [(errno.ENOENT, "listxattr")]
    assert backup.references() == {sha256(b"content").digest(): 1}
