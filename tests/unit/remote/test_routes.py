"""The commands that reach a server, once and again."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vinculum.remote.command_line import RemoteSettings
from vinculum.remote.routes import Route, find_route
from vinculum.repository.location import Location

HERE = Location.parse("ssh://user@host:2222/repository")
REST = ["-p", "2222", "user@host", "borg", "serve"]


ANSWER = "echo controlmaster false"


def route_by(place: Path, answer: str, connections: int = 0, name: str = "ssh", **environment: str) -> tuple[Route, str]:
    """By a program that says that of its configuration."""
    shell = place / name
    shell.write_text(f'#!/bin/sh\n[ "$1" = -G ] || exit 3\n{answer}\n')
    shell.chmod(0o755)
    return find_route(HERE, RemoteSettings(environment, rsh=f"{shell} -v", connections=connections)), str(shell)


def options(command: list[str]) -> list[str]:
    """Those that stand behind the program, and nothing else but what the user wants."""
    assert command[-len(REST) - 1 :] == ["-v", *REST]
    between = command[1 : -len(REST) - 1]
    assert between[::2] == ["-o"] * (len(between) // 2)
    return between[1::2]


def test_the_first_is_the_master_of_the_others(tmp_path: Path) -> None:
    route, _ = route_by(tmp_path, ANSWER)
    assert route.further is not None
    first, further = options([*route.first]), options([*route.further])
    path = next(option for option in first if option.startswith("ControlPath="))
    assert "ControlMaster=yes" in first
    assert path in further
    assert {"ControlMaster=no", "ProxyCommand=false", "BatchMode=yes"} <= {*further}
    directory = os.path.dirname(path.partition("=")[2])
    assert os.stat(directory).st_mode & 0o777 == 0o700
    route.close()
    assert not os.path.exists(directory)
    route.close()


def test_a_master_of_the_users_own_is_used(tmp_path: Path) -> None:
    route, shell = route_by(tmp_path, "echo 'setting '; echo ' '; echo controlpath /run/mine")
    assert route.first == [shell, "-v", *REST]
    assert route.further is not None
    further = options([*route.further])
    assert not any(option.startswith("ControlPath") for option in further)
    assert "ProxyCommand=false" in further


@pytest.mark.parametrize("answer", ["exit 255", "echo controlpath; kill $$"])
def test_who_does_not_tell_is_started_once(answer: str, tmp_path: Path) -> None:
    route, shell = route_by(tmp_path, answer)
    assert route.first == [shell, "-v", *REST]
    assert route.further is None


@pytest.mark.parametrize(("connections", "again"), [(0, False), (1, False), (3, True)])
def test_what_is_no_ssh_is_started_again_only_if_the_user_says_so(connections: int, again: bool, tmp_path: Path) -> None:
    route, shell = route_by(tmp_path, "exit 3", connections, name="myssh")
    assert route.first == [shell, "-v", *REST]
    assert route.further == (route.first if again else None)


def test_one_connection_is_one(tmp_path: Path) -> None:
    route, shell = route_by(tmp_path, ANSWER, 1)
    assert route.first == [shell, "-v", *REST]
    assert route.further is None


@pytest.mark.parametrize("name", ["long" * 20, "a b", "50%", "${HOME}"])
def test_sockets_have_short_and_plain_names(name: str, short_place: Path) -> None:
    place = short_place / name
    place.mkdir()
    route, shell = route_by(short_place, ANSWER, TMPDIR=str(place))
    assert route.first == [shell, "-v", *REST]
    assert route.further is None
    assert [*place.iterdir()] == []


@pytest.fixture
def short_place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="v") as place:
        yield Path(place)


@pytest.mark.parametrize(
    ("chosen", "environment"),
    [
        ("run", {"XDG_RUNTIME_DIR": "run", "TMPDIR": "tmp"}),
        ("tmp", {"XDG_RUNTIME_DIR": "no-such-directory", "TMPDIR": "tmp"}),
        ("tmp", {"TMPDIR": "tmp"}),
    ],
)
def test_sockets_are_where_the_system_wants_them(chosen: str, environment: dict[str, str], short_place: Path) -> None:
    for name in ("run", "tmp"):
        (short_place / name).mkdir()
    settings = {name: str(short_place / value) for name, value in environment.items()}
    route, _ = route_by(short_place, ANSWER, **settings)
    assert len([*(short_place / chosen).iterdir()]) == 1
    route.close()
    assert [*(short_place / chosen).iterdir()] == []


def test_what_killed_clients_left_is_removed(short_place: Path) -> None:
    tmp = short_place / "tmp"
    tmp.mkdir()

    def leave(*, listens: bool, is_old: bool) -> Path:
        route, _ = route_by(short_place, ANSWER, TMPDIR=str(tmp))
        path = Path(next(option for option in options([*route.first]) if "ControlPath=" in option).partition("=")[2])
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
            if listens:
                left.listen()
                alive.append(left.dup())
        if is_old:
            os.utime(path.parent, (0, 0))
        return path.parent

    alive: list[socket.socket] = []
    keeps = [leave(listens=True, is_old=True), leave(listens=False, is_old=False)]
    theirs = tmp / "vinculum-ssh-notes"
    theirs.mkdir()
    odd = leave(listens=False, is_old=False)
    (odd / "letter").touch()
    os.utime(odd, (0, 0))
    leave(listens=False, is_old=True)
    route, _ = route_by(short_place, ANSWER, TMPDIR=str(tmp))
    route.close()
    assert {*tmp.iterdir()} == {*keeps, theirs, odd}
    for one in alive:
        one.close()
