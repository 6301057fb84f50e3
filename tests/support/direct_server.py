"""A stand-in for ssh that starts a server on this machine: quick, and whatever is asked about it can be looked at."""

from __future__ import annotations

import shlex
from pathlib import Path

from support.programs import Program

HOST = "ssh://user@somewhere"


class DirectServer:
    """`serve` of a program, for clients with BORG_RSH=`rsh`; with options, as ssh runs a forced command."""

    def __init__(self, program: Program, place: Path, *forced: str) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self._pid_file = place / "pid"
        command = shlex.join(program.call)
        if forced:
            command = f'SSH_ORIGINAL_COMMAND="$*" exec {command} serve {shlex.join(forced)}'
        else:
            command = f'shift; exec {command} "$@"'
        script = place / "rsh"
        path = program.environment.get("PYTHONPATH", "")
        script.write_text(f"#!/bin/sh\nshift\nexport PYTHONPATH={path}\necho $$ > {self._pid_file}\n{command}\n")
        script.chmod(0o755)
        self.rsh = str(script)

    @property
    def pid(self) -> int:
        """The process of the last connection; 0 if there was none."""
        return int(self._pid_file.read_text() or 0) if self._pid_file.exists() else 0

    def used_by(self, client: Program) -> Program:
        """The client, to whom every machine is this server."""
        return client.with_environment(BORG_RSH=self.rsh, BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")


def url(path: Path, archive: str = "") -> str:
    """The repository at a path of the server, or an archive in it."""
    return f"{HOST}{path}{'::' if archive else ''}{archive}"
