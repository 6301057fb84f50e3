"""Checkpoints and signals: part files, checkpoint archives and the ways out of a backup that waits for its input."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.archives import content_ids, dump
from support.programs import Program

BLOCK = 65536
CHUNKER = ["--chunker-params", f"fixed,{BLOCK}", "--compression", "none"]


@pytest.fixture
def repository(borg145: Program, workplace: Path) -> Path:
    borg145.run("init", "--encryption", "none", workplace / "repository")
    return workplace / "repository"


def start(program: Program, *args: str | Path) -> tuple[subprocess.Popen[bytes], int]:
    """The program and the end of the pipe that it reads from."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*program.call, *map(str, args)],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=program.cwd,
        env=program.environment,
        start_new_session=True,
    )
    os.close(reading)
    return process, writing


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_waiting_for_input(number: int, vinculum: Program, repository: Path) -> None:
    process, pipe = start(vinculum, "create", "--list", f"{repository}::archive", "-")
    os.write(pipe, bytes(100_000))
    assert process.stderr is not None
    assert process.stderr.readline() == b"i stdin\n"
    time.sleep(0.5)
    process.send_signal(number)
    _, message = process.communicate(timeout=10)
    os.close(pipe)
    assert process.returncode == 128 + number
    assert b"Received SIG" in message
    assert not (repository / "lock.exclusive").exists()


def test_ctrl_c_saves_a_checkpoint_of_a_slow_source(vinculum: Program, borg145: Program, repository: Path) -> None:
    process, pipe = start(vinculum, "create", "--list", *CHUNKER, f"{repository}::archive", "-")
    content = os.urandom(3 * BLOCK)
    os.write(pipe, content[: BLOCK + 10])
    assert process.stderr is not None
    assert process.stderr.readline() == b"i stdin\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    os.write(pipe, content[BLOCK + 10 :])  # the next chunk is where the wish is heard
    _, message = process.communicate(timeout=20)
    os.close(pipe)
    assert (process.returncode, message) == (2, b"Error: Got Ctrl-C / SIGINT.\n")
    assert borg145.run("list", "--short", "--consider-checkpoints", repository).out == "archive.checkpoint\n"
    parts = borg145.run("list", "--consider-part-files", "--format", "{path}{NL}", f"{repository}::archive.checkpoint").out
    assert parts.startswith("stdin.borg_part_1\n")
    assert borg145.run("list", f"{repository}::archive.checkpoint").out == ""
    borg145.run("check", "--verify-data", repository)
    vinculum.run("create", *CHUNKER, f"{repository}::archive", "-", stdin=content)
    assert borg145.run("extract", "--stdout", f"{repository}::archive").stdout == content


def test_part_files_count_as_borg_counts_them(vinculum: Program, borg145: Program, repository: Path) -> None:
    source = "for i in 1 2 3; do head -c 150000 /dev/urandom; sleep 1.2; done"
    options = ["--checkpoint-interval", "1", "--content-from-command", *CHUNKER]
    vinculum.run("create", *options, f"{repository}::archive", "--", "sh", "-c", source)
    archive = dump(borg145, repository, "archive")
    whole, parts = content_ids(archive).pop("stdin"), sorted(item["path"] for item in archive["_items"] if "part" in item)
    assert parts == [f"stdin.borg_part_{number}" for number in range(1, len(parts) + 1)]
    assert len(parts) >= 2
    contents = content_ids(archive)
    assert [chunk for part in parts for chunk in contents[part]] == whole
    assert (archive["_meta"]["nfiles_parts"], archive["_meta"]["size_parts"]) == (len(parts), 450_000)
    for options in ([], ["--consider-part-files"]):
        for command in (["info"], ["info", "--json"], ["list", "--short"], ["list"]):
            call = [*command, *options, f"{repository}::archive"]
            assert vinculum.run(*call).out == borg145.run(*call).out
        assert vinculum.run("info", *options, repository).out == borg145.run("info", *options, repository).out
    borg145.run("check", "--verify-data", repository)


def test_the_whole_archive_replaces_its_checkpoint(vinculum: Program, borg145: Program, repository: Path) -> None:
    source = "for i in 1 2; do head -c 150000 /dev/urandom; sleep 1.3; done"
    options = ["--checkpoint-interval", "1", "--content-from-command", "--consider-part-files", "--json", *CHUNKER]
    done = vinculum.run("create", *options, f"{repository}::archive", "--", "sh", "-c", source)
    assert borg145.run("list", "--short", "--consider-checkpoints", repository).out == "archive\n"
    assert '"nfiles": 1' not in done.out
    assert vinculum.run("list", "--short", "--consider-checkpoints", repository).out == "archive\n"
