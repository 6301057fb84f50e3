"""Large files of a batch, which are left to the caller: opened, read in parts, noticed if they change meanwhile."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reference import items as reference_items
from support.file_batches import CHUNKER, Backup, replace, settle
from support.trees import random_content


def test_large_files_are_left_to_the_caller(workplace: Path) -> None:
    content = random_content("large", 100_000)
    (workplace / "large").write_bytes(content)
    (workplace / "small").write_bytes(b"s")
    backup = Backup()
    batch = backup.collect(workplace)
    backup.begin(batch, max_file_bytes=1000)
    (index,) = batch.large()
    with pytest.raises(ValueError, match="has not been read"):
        batch.encode(0, len(batch), backup.owners, backup.chunks)
    batch.claim(backup.chunks, 0, index)
    batch.encode(0, index, backup.owners, backup.chunks)
    backup.finish_large(batch, index)
    outcome = backup.end(batch)
    assert batch.large() == []
    assert batch.totals() == (2, 100_001, 0)
    (sizes,) = ([size for _, size, _ in item[b"chunks"]] for item in outcome.items if item[b"path"].endswith(b"large"))
    assert sizes == CHUNKER.cut(content)
    settle(workplace)
    backup.run(workplace)
    backup.forget()
    assert backup.run(workplace).status[b"large"] == "U"


@pytest.mark.parametrize(
    ("files_changed", "touch", "expected"),
    [
        ("ctime", os.chmod, "C"),
        ("mtime", os.chmod, "A"),
        ("mtime", os.truncate, "C"),
        ("disabled", os.truncate, "A"),
        ("ctime", None, "A"),
    ],
)
def test_changes_during_reading_are_noticed(files_changed: str, touch: Any, expected: str, workplace: Path) -> None:
    (workplace / "large").write_bytes(random_content("large", 5000))
    settle(workplace)
    backup = Backup(files_changed=files_changed)
    batch = backup.collect(workplace)
    backup.begin(batch, max_file_bytes=100)
    (index,) = batch.large()
    fd = batch.open_large(index)
    if touch:
        before = os.fstat(fd)
        while os.fstat(fd).st_ctime_ns == before.st_ctime_ns:
            touch(workplace / "large", 0o600 if touch is os.chmod else 3000)
    content = backup.read(fd)
    batch.end_large(index, fd)
    batch.finish_large(index, content)
    os.close(fd)
    outcome = backup.end(batch)
    assert outcome.status[b"large"] == expected
    assert batch.changed() == ([(index, "A")] if expected == "C" else [])
    assert len(backup.files) == (1 if expected == "C" else 2)


def test_a_large_file_that_was_replaced_is_not_opened(workplace: Path) -> None:
    (workplace / "large").write_bytes(bytes(5000))
    backup = Backup()
    batch = backup.collect(workplace / "large")
    backup.begin(batch, max_file_bytes=100)
    replace(workplace / "large")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is what matters
        batch.open_large(0)
    assert caught.value.errno == errno.ESTALE
    batch.fail_large(0, errno.ESTALE, True)
    assert batch.failures() == [(0, os.fsencode(workplace / "large"), 0, "race")]
    assert backup.end(batch).items == []


def test_sparse_files_go_to_the_reader_that_knows_holes(workplace: Path) -> None:
    with (workplace / "sparse").open("wb") as file:
        file.write(b"x" * 4096)
        file.truncate(200_000)
    (workplace / "dense").write_bytes(b"y" * 4096)
    for sparse in (False, True):
        backup = Backup(sparse=sparse)
        batch = backup.collect(workplace)
        backup.begin(batch)
        assert [os.path.basename(batch.paths()[index]) for index in batch.large()] == ([b"sparse"] if sparse else [])


def test_part_items_are_as_borg_writes_them(workplace: Path) -> None:
    path = workplace / "file"
    path.write_bytes(random_content("part", 50_000))
    os.setxattr(path, "user.x", b"1")
    subprocess.run(["chattr", "+d", path], check=True)
    backup = Backup()
    batch = backup.collect(path, archived=b"dir/file")
    backup.begin(batch, max_file_bytes=100)
    fd = batch.open_large(0)
    chunks = backup.read(fd)
    backup.learn_owners(batch)
    (part,) = reference_items.decode(bytes(memoryview(batch.part(0, 3, chunks.part(1, 3), backup.owners, backup.chunks))))
    batch.end_large(0, fd)
    batch.finish_large(0, chunks)
    os.close(fd)
    (item,) = backup.end(batch).items
    assert (item.pop(b"xattrs"), item.pop(b"bsdflags")) == ({b"user.x": b"1"}, 1)
    parted = item[b"chunks"][1:3]
    changed = {b"path": b"dir/file.borg_part_3", b"part": 3, b"chunks": parted, b"size": sum(size for _, size, _ in parted)}
    assert part == item | changed
