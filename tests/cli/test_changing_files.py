"""Files that change or vanish while they are backed up: a warning, exit code 1, and never a broken archive."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from support.archives import extract
from support.programs import Program
from support.trees import build_plain, random_content

pytestmark = pytest.mark.can_be_far

BIG_BYTES = 24 << 20


@pytest.fixture
def repository(vinculum: Program, workplace: Path) -> Path:
    """An empty one, and beside it a tree with a file that takes a while to read."""
    build_plain(workplace / "tree", files=20)
    (workplace / "tree" / "big").write_bytes(random_content("big", BIG_BYTES))
    vinculum.run("init", "--encryption", "repokey", workplace / "repository")
    return workplace / "repository"


def assert_rest_is_there(borg: Program, repository: Path, workplace: Path) -> None:
    """The archive can be checked and restored, and holds the files that nothing happened to."""
    borg.run("check", "--verify-data", repository)
    restored = extract(borg, repository, "archive", workplace / "restored")
    for path in (workplace / "tree").glob("directory-*/*"):
        assert (restored / path.relative_to(workplace)).read_bytes() == path.read_bytes()


@pytest.mark.also_far
def test_a_file_that_vanishes_before_it_is_opened(
    vinculum: Program, borg145: Program, repository: Path, workplace: Path
) -> None:
    os.mkfifo(workplace / "fifo")
    process = vinculum.start("create", "--list", "--read-special", f"{repository}::archive", "fifo", "tree")
    with open(workplace / "fifo", "wb") as fifo:  # which returns when the fifo is being read, and big waits its turn
        (workplace / "tree" / "big").unlink()
        fifo.write(b"content of the fifo")
    _, messages = process.communicate(timeout=60)
    lines = messages.decode().splitlines()
    assert process.returncode == 1, lines
    assert "E tree/big" in lines
    assert any("tree/big: " in line and "[Errno 2]" in line for line in lines), lines
    assert_rest_is_there(borg145, repository, workplace)
    assert not (workplace / "restored" / "tree" / "big").exists()
    assert (workplace / "restored" / "fifo").read_bytes() == b"content of the fifo"


def test_a_file_that_changes_while_it_is_read(vinculum: Program, borg145: Program, repository: Path, workplace: Path) -> None:
    big = workplace / "tree" / "big"
    over = threading.Event()

    def keep_changing() -> None:
        with open(big, "r+b", buffering=0) as file:
            number = 0
            while not over.is_set():
                number += 1
                file.seek(number * 4099 % BIG_BYTES)
                file.write(b"changed")
                os.utime(big)

    changer = threading.Thread(target=keep_changing)
    changer.start()
    try:
        done = vinculum.run("create", "--list", f"{repository}::archive", "tree", code=1)
    finally:
        over.set()
        changer.join()
    assert "tree/big: file changed while we backed it up" in done.err
    assert "C tree/big" in done.err.splitlines()
    assert_rest_is_there(borg145, repository, workplace)
    # What changed while it was read is not taken for known next time.
    again = vinculum.run("create", "--list", f"{repository}::again", "tree")
    assert {"A tree/big", "M tree/big"} & set(again.err.splitlines())
    assert (extract(vinculum, repository, "again", workplace / "second") / "tree" / "big").read_bytes() == big.read_bytes()


def test_a_file_that_grows_or_shrinks(vinculum: Program, borg145: Program, repository: Path, workplace: Path) -> None:
    """Reading goes to the end that the file has when it is reached."""
    growing = workplace / "tree" / "big"
    over = threading.Event()

    def keep_resizing() -> None:
        while not over.is_set():
            for size_bytes in (BIG_BYTES // 2, BIG_BYTES * 2):
                os.truncate(growing, size_bytes)

    resizer = threading.Thread(target=keep_resizing)
    resizer.start()
    try:
        for _ in range(20):  # the thread may have had no turn while the file was read
            done = vinculum.run("create", f"{repository}::archive", "tree", code=None)
            assert done.code in (0, 1)
            if done.code == 1:
                break
            vinculum.run("delete", f"{repository}::archive")
    finally:
        over.set()
        resizer.join()
    assert done.code == 1
    assert_rest_is_there(borg145, repository, workplace)
