"""Servers that are there at once: each program is imported once and forks for every connection, see `fork_server`."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from support.fork_servers import BORG_MODULES, FORK_SERVER, OUR_MODULES
from support.programs import PROJECT, Program, client_environment, oracle_path
from support.ssh_server import ALIAS, SshServer

RSH = Path(__file__).with_name("waiting_rsh.py")
OUR_SERVER = ["vinculum.cli.commands.serve", "vinculum.remote.server", "vinculum.remote.serving", "vinculum.ui.server_log"]


class WaitingServer:
    """`serve` of one program ("vinculum" or the version of a real Borg), from construction until `close`."""

    def __init__(self, name: str, place: Path, modules: list[str] | None = None, path: str = str(PROJECT / "src")) -> None:
        """`modules` are those of ours that are imported, from `path`; the first one has the program's `main`."""
        place.mkdir(parents=True, exist_ok=True)
        self._socket = place / f"{name}.socket"
        ours = name == "vinculum"
        python = Path(sys.executable) if ours else oracle_path(name, "python3")
        if modules is None:
            modules = [*OUR_MODULES, *OUR_SERVER] if ours else BORG_MODULES
        self._process = subprocess.Popen(
            [python, FORK_SERVER, f"--listen={self._socket}", *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**client_environment(place), **({"PYTHONPATH": path} if ours else {})},
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.read(1), f"the server of {name} did not start"

    def rsh(self, *forced: str) -> str:
        """For BORG_RSH; with options, as ssh runs a forced command."""
        return shlex.join([sys.executable, "-I", "-S", str(RSH), str(self._socket), str(len(forced)), *forced])

    def used_by(self, client: Program, *forced: str) -> Program:
        """The client, to whom every machine is this server."""
        return client.with_environment(BORG_RSH=self.rsh(*forced), BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


class BehindSsh(WaitingServer):
    """One of them that is reached through a real sshd."""

    def __init__(self, server: WaitingServer, ssh: SshServer, place: Path, *variables: str) -> None:
        """`variables` of the client's environment come with it, which no other ssh would do."""
        self._server = server
        self._shell = place / f"ssh-to-{id(server)}"
        settings = (
            f"settings=$(export -p | grep -E '^export ({'|'.join(variables)})=' | tr '\\n' ';')" if variables else "settings="
        )
        self._shell.write_text(
            f'#!/bin/sh\nserver=$1 host=$2\nshift 2\n{settings}\nexec {ssh.rsh} {ALIAS} "$settings $server $host $*"\n'
        )
        self._shell.chmod(0o755)

    def rsh(self, *forced: str) -> str:
        return shlex.join([str(self._shell), self._server.rsh(*forced)])


class WaitingServers:
    """Those of all programs by their names, each started when it is first asked for."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._started: dict[str, WaitingServer] = {}

    def __getitem__(self, name: str) -> WaitingServer:
        if name not in self._started:
            self._started[name] = WaitingServer(name, self._place)
        return self._started[name]

    def close(self) -> None:
        for server in self._started.values():
            server.close()
