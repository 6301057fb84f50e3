"""Atomic replacement and erasure of small files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vinculum.platform.files import erase_file, write_all, write_atomically


def test_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"something longer")
    write_atomically(str(file), b"new")
    write_atomically(os.fsencode(tmp_path) + b"/\xff", b"bytes path")
    assert file.read_bytes() == b"new"
    assert sorted(os.listdir(os.fsencode(tmp_path))) == [b"file", b"\xff"]


def test_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(str(tmp_path / "file"), b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_failed_replacement_leaves_the_old_file_alone(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(str(tmp_path / "place"), b"new")
    assert os.listdir(tmp_path) == ["place"]


def test_erased_file_is_overwritten_unless_it_has_another_link(tmp_path: Path) -> None:
    secret = bytes(3 << 20)
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(secret)
    link.hardlink_to(file)
    erase_file(str(file))
    assert not file.exists()
    assert link.read_bytes() == secret
    with link.open("rb") as still_open:
        erase_file(str(link))
        assert not link.exists()
        overwritten = still_open.read()
    assert len(overwritten) == len(secret)
    assert overwritten.count(0) < len(secret) // 100


def test_many_parts_are_written_in_order(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    write_all(fd, b"one", b"", b"two", b"three")
    os.close(fd)
    assert (tmp_path / "file").read_bytes() == b"onetwothree"


def test_more_parts_than_one_system_call_takes_are_written(tmp_path: Path) -> None:
    parts = [b"%d," % number for number in range(5000)]
    fd = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    write_all(fd, *parts)
    os.close(fd)
    assert (tmp_path / "file").read_bytes() == b"".join(parts)


def test_short_writes_are_continued() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, True)
    content = os.urandom(300_000)
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            write_all(writer, content[:100_000], content[100_000:])
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        assert file.read() == content
    os.waitpid(pid, 0)
