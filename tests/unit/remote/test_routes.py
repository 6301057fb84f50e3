"""The commands that reach a server, once and again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vinculum.remote.command_line import RemoteSettings
from vinculum.remote.routes import Route, find_route
from vinculum.repository.location import Location

HERE = Location.parse("ssh://user@host:2222/repository")
REST = ["-p", "2222", "user@host", "borg", "serve"]


def route_by(place: Path, answer: str, connections: int = 0, name: str = "ssh") -> tuple[Route, str]:
    """By a program that says that of its configuration."""
    shell = place / name
    shell.write_text(f'#!/bin/sh\n[ "$1" = -G ] || exit 3\n{answer}\n')
    shell.chmod(0o755)
    return find_route(HERE, RemoteSettings({}, rsh=f"{shell} -v", connections=connections)), str(shell)


def options(command: list[str]) -> list[str]:
    """Those that stand behind the program, and nothing else but what the user wants."""
    assert command[-len(REST) - 1 :] == ["-v", *REST]
    between = command[1 : -len(REST) - 1]
    assert between[::2] == ["-o"] * (len(between) // 2)
    return between[1::2]


def test_the_first_is_the_master_of_the_others(tmp_path: Path) -> None:
    route, _ = route_by(tmp_path, "echo controlmaster false")
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
    route, shell = route_by(tmp_path, "echo controlpath /run/mine")
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
    route, shell = route_by(tmp_path, "echo controlmaster false", 1)
    assert route.first == [shell, "-v", *REST]
    assert route.further is None


def test_sockets_have_short_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    place = tmp_path / ("long" * 20)
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    route, _ = route_by(tmp_path, "echo controlmaster false")
    assert route.further is None
    assert [*place.iterdir()] == []
