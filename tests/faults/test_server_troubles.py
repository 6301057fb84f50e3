"""What goes wrong at the other side is told in one line, leaves no lock behind, and is over when its cause is."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.archives import list_archives
from support.direct_server import DirectServer, url
from support.programs import Completed, Program
from support.repositories import locks
from support.trees import random_content
from support.waiting import wait_until
from support.waiting_server import WaitingServers

SERVERS = ["vinculum", "1.4.5"]
LONGEST_WAIT_S = 60


@pytest.fixture(params=SERVERS)
def client(request: pytest.FixtureRequest, vinculum: Program, waiting: WaitingServers) -> Program:
    """Ours, with that server."""
    return waiting[request.param].used_by(vinculum)


def told(done: Completed) -> str:
    """The one line that a failure came to."""
    assert done.code == 2, done
    (line,) = done.err.splitlines()
    return line


def test_a_full_disk(client: Program, small_place: Callable[[str], Path], workplace: Path) -> None:
    repository = small_place("20M") / "repository"
    (workplace / "small").write_bytes(b"small")
    (workplace / "large").write_bytes(random_content(1, 30 << 20))
    client.run("init", "-e", "none", url(repository))
    client.run("create", url(repository, "small"), "small")
    assert "No space left on device" in told(client.run("create", url(repository, "large"), "large", code=None))
    assert locks(repository) == []
    assert list_archives(client, url(repository)) == ["small"]
    client.run("create", url(repository, "again"), "small")


def test_a_disk_that_can_only_be_read(client: Program, small_place: Callable[[str], Path], workplace: Path) -> None:
    place = small_place("20M")
    repository = place / "repository"
    (workplace / "small").write_bytes(b"small")
    client.run("init", "-e", "none", url(repository))
    client.run("create", url(repository, "small"), "small")
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    for command in (
        ["create", url(repository, "more"), "small"],
        ["list", url(repository)],
        ["delete", url(repository, "small")],
    ):
        assert "Read-only file system" in told(client.run(*command, code=None))
    assert client.run("list", "--short", "--bypass-lock", url(repository)).out == "small\n"
    subprocess.run(["mount", "-o", "remount,rw", place], check=True)
    assert locks(repository) == []
    client.run("create", url(repository, "more"), "small")


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_is_killed(
    server: str, vinculum: Program, oracle: Callable[[str], Program], workplace: Path, tmp_path: Path
) -> None:
    program = vinculum if server == "vinculum" else oracle(server)
    direct = DirectServer(program, tmp_path / "server")
    client = direct.used_by(vinculum)
    repository = workplace / "repository"
    (workplace / "large").write_bytes(random_content(1, 20 << 20))
    os.mkfifo(workplace / "fifo")
    client.run("init", "-e", "none", url(repository))
    before = direct.pid
    process = client.start("create", "--read-special", url(repository, "archive"), "large", "fifo")
    with open(workplace / "fifo", "wb", buffering=0):
        is_locked = (repository / "lock.exclusive").exists
        wait_until(lambda: direct.pid != before and is_locked(), "the server has locked the repository", LONGEST_WAIT_S)
        os.kill(direct.pid, signal.SIGKILL)
    out, err = process.communicate(timeout=LONGEST_WAIT_S)
    assert told(Completed([], process.returncode, out, err)) == "Connection closed by remote host."
    # Its lock is known to be a dead process's.
    client.run("create", url(repository, "archive"), "large")
    assert locks(repository) == []


def greeting_shell(place: Path, program: Program, greeting: str) -> str:
    """For BORG_RSH: a login whose start-up file says something first."""
    script = place / "rsh"
    path = program.environment.get("PYTHONPATH", "")
    call = shlex.join(program.call)
    script.write_text(f'#!/bin/sh\n{greeting}\nshift 2\nexport PYTHONPATH={path}\nexec {call} "$@"\n')
    script.chmod(0o755)
    return str(script)


def test_a_shell_that_chats(vinculum: Program, workplace: Path, tmp_path: Path) -> None:
    repository = workplace / "repository"
    rsh = greeting_shell(tmp_path, vinculum, "echo 'Welcome to the server!'")
    done = vinculum.run("init", "-e", "none", url(repository), code=2, BORG_RSH=rsh)
    assert done.err == "Got unexpected RPC data format from server:\nWelcome to the server!\n"
    assert not repository.exists()


def test_a_shell_that_chats_where_nobody_minds(vinculum: Program, workplace: Path, tmp_path: Path) -> None:
    rsh = greeting_shell(tmp_path, vinculum, "echo 'Welcome to the server!' >&2")
    done = vinculum.run("init", "-e", "none", url(workplace / "repository"), BORG_RSH=rsh)
    assert "Remote: Welcome to the server!" in done.err.splitlines()


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("no-such-program", "Connection closed by remote host."),
        ("true", "Connection closed by remote host. Is borg working on the server?"),
        ("echo", "Got unexpected RPC data format from server:\nserve"),
    ],
)
def test_another_program_than_borg(program: str, text: str, vinculum: Program, workplace: Path) -> None:
    rsh = "sh -c 'shift; exec \"$@\"' sh"
    done = vinculum.run("list", url(workplace), code=2, BORG_RSH=rsh, BORG_REMOTE_PATH=program)
    assert text in done.err
