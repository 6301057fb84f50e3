"""How a server is called: the remote shell gets the words from us that it gets from Borg 1.4.5, and no secrets."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from support.fork_servers import ForkServer, Servers
from support.programs import client_environment

CALLS = [
    "list ssh://somewhere/repo",
    "list ssh://somebody@somewhere:2222/./repo::archive",
    "list ssh://[::1]:22/~/repo",
    "list somebody@somewhere:repo",
    "list somewhere:~/repo",
    "list --info somewhere:repo",
    "--debug list somewhere:repo",
    "list --error somewhere:repo",
    "--critical list somewhere:repo",
    "-v list --umask 022 --lock-wait 7 --log-json --progress --show-rc somewhere:repo",
    "list --debug-topic repository --debug-topic borg.debug.repository_compaction --debug-topic files_cache somewhere:repo",
    "list --rsh 'SHELL -o Some=\"thing else\"' somewhere:repo",
    "list --remote-path '/usr/local/bin/borg 1.4' somewhere:repo",
    "list --remote-path borg-{hostname} somewhere:repo",
    "list --upload-ratelimit 5 --upload-buffer 7 somewhere:repo",
    "list --remote-ratelimit 5 --remote-buffer 7 somewhere:repo",
    "init -e none --storage-quota 5G --append-only --make-parent-dirs somewhere:repo",
    "create --stats somewhere:repo::archive file",
]
VARIABLES: list[dict[str, str]] = [
    {"BORG_REMOTE_PATH": "/opt/borg"},
    {"BORG_REMOTE_PATH": "borg-{user}"},
    {"BORG_RSH": "SHELL -i key 'with space'"},
    {"BORG_REPO": "ssh://somewhere/by-variable"},
    {"BORG_PASSPHRASE": "secret", "BORG_NEW_PASSPHRASE": "new", "BORG_PASSCOMMAND": "cat secret", "BORG_PASSPHRASE_FD": "3"},
]


@pytest.fixture
def shell(workplace: Path) -> Path:
    """Writes down how it is called, and reaches nobody."""
    path = workplace / "shell"
    path.write_text('#!/bin/sh\nprintf "<%s>\\n" "$@" > words\nenv | grep ^BORG_ | sort > variables\nexit 1\n')
    path.chmod(0o755)
    return path


def called(server: ForkServer, shell: Path, line: str, variables: dict[str, str]) -> tuple[str, str]:
    """The words and the variables with which that program calls a remote shell."""
    place = shell.parent
    given = {name: value.replace("SHELL", str(shell)) for name, value in {"BORG_RSH": "SHELL", **variables}.items()}
    environment = {**client_environment(place / "home"), **given}
    words = shlex.split(line.replace("SHELL", str(shell)))
    done = server.run(words, stdin=b"", cwd=place, environment=environment)
    assert done.code == 2, done
    told = (place / "words").read_text(), (place / "variables").read_text()
    (place / "words").unlink()
    return told


@pytest.mark.parametrize("line", CALLS)
def test_words(line: str, servers: Servers, shell: Path) -> None:
    assert called(servers.ours, shell, line, {})[0] == called(servers.theirs, shell, line, {})[0]


@pytest.mark.parametrize("variables", VARIABLES, ids=" ".join)
def test_variables(variables: dict[str, str], servers: Servers, shell: Path) -> None:
    line = "list ::" if "BORG_REPO" in variables else "list somewhere:repo"
    ours, theirs = (called(server, shell, line, variables) for server in (servers.ours, servers.theirs))
    assert ours == theirs
    assert "BORG_PASSPHRASE=" not in ours[1]
