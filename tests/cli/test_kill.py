"""kill -9 in the middle of a create: the repository is as after the last commit, and the next run goes on by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.archives import extract, list_archives
from support.compare import assert_restored
from support.programs import Program
from support.repositories import latest_transaction, locks, stored_bytes
from support.trees import build_plain, random_content
from support.waiting import wait_until

BIG_BYTES = 40 << 20


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 for it and all of its children; it must still have been running."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was over before it could be killed"


class Stalled:
    """A create that has read `tree` and now waits for a fifo that only the test can feed."""

    def __init__(self, program: Program, repository: Path, name: str, *options: str) -> None:
        self.fifo = program.cwd / "fifo"
        os.mkfifo(self.fifo)
        self.process = program.start("create", "--read-special", *options, f"{repository}::{name}", "tree", "fifo")
        self.pipe = open(self.fifo, "wb", buffering=0)  # noqa: SIM115  open until the end of the test

    def feed(self, content: bytes) -> None:
        self.pipe.write(content)

    def kill(self) -> None:
        kill(self.process)
        self.pipe.close()
        self.fifo.unlink()


@pytest.fixture
def repository(vinculum: Program, workplace: Path) -> Path:
    """A repository with one archive of a tree, to which a big new file has been added since."""
    tree = workplace / "tree"
    build_plain(tree, files=50)
    repository = workplace / "repository"
    vinculum.run("init", "--encryption", "repokey", repository)
    vinculum.run("create", f"{repository}::before", "tree")
    (tree / "big").write_bytes(random_content("big", BIG_BYTES))
    return repository


def test_nothing_uncommitted_survives(vinculum: Program, borg145: Program, repository: Path, workplace: Path) -> None:
    committed = latest_transaction(repository)
    size = stored_bytes(repository)
    stalled = Stalled(vinculum, repository, "killed")
    wait_until(lambda: stored_bytes(repository) > size + BIG_BYTES // 4, "data are on their way")
    stalled.kill()
    assert "lock.exclusive" in locks(repository)
    assert latest_transaction(repository) == committed

    assert list_archives(vinculum, repository) == ["before"]  # past the stale lock
    assert locks(repository) == []
    restored = extract(vinculum, repository, "before", workplace / "restored")
    (workplace / "tree" / "big").rename(workplace / "big")
    assert_restored(workplace / "tree", restored / "tree", ignoring=("mtime_ns",))
    (workplace / "big").rename(workplace / "tree" / "big")
    borg145.run("check", "--verify-data", repository)

    vinculum.run("create", f"{repository}::after", "tree")
    assert list_archives(borg145, repository) == ["before", "after"]
    assert_restored(workplace / "tree", extract(borg145, repository, "after", workplace / "again") / "tree")
    borg145.run("check", "--verify-data", repository)


def test_work_is_resumed_from_the_last_checkpoint(
    vinculum: Program, borg145: Program, repository: Path, workplace: Path
) -> None:
    committed = latest_transaction(repository)
    stalled = Stalled(vinculum, repository, "killed", "--checkpoint-interval", "1")
    number = 0
    while latest_transaction(repository) == committed:
        assert number < 40, "no checkpoint in all that time"
        stalled.feed(random_content(number, 9 << 20))  # at least one chunk, after which the clock is looked at
        number += 1
        time.sleep(0.3)
    wait_until(lambda: latest_transaction(repository) > committed, "the checkpoint is committed")
    stalled.kill()

    assert list_archives(vinculum, repository) == ["before"]  # checkpoints are not shown unless asked for
    shown = json.loads(vinculum.run("list", "--json", "--consider-checkpoints", repository).out)
    assert [archive["name"] for archive in shown["archives"]] == ["before", "killed.checkpoint"]
    borg145.run("check", "--verify-data", repository)

    size = stored_bytes(repository)
    created = json.loads(vinculum.run("create", "--json", f"{repository}::after", "tree").out)
    assert created["archive"]["stats"]["original_size"] > BIG_BYTES
    assert created["archive"]["stats"]["deduplicated_size"] < BIG_BYTES // 10
    assert stored_bytes(repository) < size + BIG_BYTES // 10
    assert_restored(workplace / "tree", extract(borg145, repository, "after", workplace / "again") / "tree")
    borg145.run("check", "--verify-data", repository)


@pytest.mark.parametrize("next_program", ["vinculum", "borg145"])
def test_killed_at_any_moment(
    next_program: str, vinculum: Program, borg145: Program, repository: Path, workplace: Path
) -> None:
    """Many kills, spread over the length of a run; whoever comes next carries on."""
    successor = vinculum if next_program == "vinculum" else borg145
    started = time.monotonic()
    vinculum.run("create", f"{repository}::whole", "tree")
    whole_run_s = time.monotonic() - started
    killed = 0
    for number in range(60):  # some runs end too soon to be killed, more so where other things slowed down the first
        if killed == 6:
            break
        (workplace / "tree" / "big").write_bytes(random_content(number, BIG_BYTES))
        process = vinculum.start("create", f"{repository}::killed-{number}", "tree")
        time.sleep(whole_run_s * (number % 8 + 1) / 9)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
        names = list_archives(successor, repository)
        assert names[:2] == ["before", "whole"]
        assert set(names[2:]) <= {f"killed-{earlier}" for earlier in range(number + 1)}
        assert locks(repository) == []
    assert killed == 6
    borg145.run("check", "--verify-data", repository)
    successor.run("create", f"{repository}::last", "tree")
    assert_restored(workplace / "tree", extract(successor, repository, "last", workplace / "restored") / "tree")
    borg145.run("check", "--verify-data", repository)


DIES_AT_A_SYNC = """
import os, signal, sys
sys.argv[0] = "borg"
left, sync = int(os.environ["DIE_AT"]), os.fdatasync
def dying(fd):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    sync(fd)
os.fdatasync = dying
from vinculum.cli.main import main
sys.exit(main())
"""


@pytest.mark.parametrize("command", ["delete REPO::before REPO::1", "prune --keep-last 1 REPO", "compact REPO"])
def test_killed_while_it_frees_space(
    command: str, vinculum: Program, borg145: Program, borg124: Program, repository: Path, workplace: Path
) -> None:
    """At each segment that is about to be on the disk."""
    for number in range(1, 4):
        (workplace / "tree" / "big").write_bytes(random_content(number, 1 << 20))
        vinculum.run("create", f"{repository}::{number}", "tree")
    if command.startswith("compact"):
        vinculum.run("delete", f"{repository}::2")
    mortal = Program("mortal", [sys.executable, "-c", DIES_AT_A_SYNC], vinculum.environment, workplace)
    words = command.replace("REPO", str(repository)).split()
    killed = 0
    for number in range(12):
        done = mortal.run(*words, code=None, DIE_AT=str(number))
        if done.code in (0, 1):  # 1: what a run before it was killed for is done already
            break
        assert done.code == -signal.SIGKILL, done
        killed += 1
        assert "lock.exclusive" in locks(repository)
        assert "3" in list_archives(vinculum, repository)
        assert locks(repository) == []
    assert killed >= 3
    for program in (borg145, borg124):
        program.run("check", "--verify-data", repository)
    assert_restored(workplace / "tree", extract(borg145, repository, "3", workplace / "restored") / "tree")
