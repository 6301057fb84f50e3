"""Bulk data by several sessions: used where they are to be had, told apart from trouble where they are not."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from support.batches import objects_of, sealed
from support.direct_server import url
from support.few_descriptors import few_descriptors
from support.programs import Program
from support.repositories import locks
from support.ssh_server import ALIAS, SshServer
from support.trees import random_content
from vinculum.errors import Error
from vinculum.events import NullSink
from vinculum.remote import lane
from vinculum.remote.client import RemoteRepository
from vinculum.remote.command_line import RemoteSettings
from vinculum.remote.connecting import Connector
from vinculum.remote.connection import Connection
from vinculum.repository.location import Location

FILES, FILE_BYTES = 60, 200_000
CONNECTIONS = 4
# A start of a server beside the first one, "$@", of which something goes wrong after so many bytes of one side.
BREAKING = {
    "the first bytes to it": 'head -c 40 | "$@"',
    "in a put": 'head -c 700000 | "$@"',
    "the first bytes of it": '"$@" | head -c 20',
    "in a get": '"$@" | head -c 700000',
    "it is no server": "echo Welcome",
    "it does not start": "exit 1",
    "it never says anything": "sleep 100",
}


def build(tree: Path) -> None:
    tree.mkdir()
    for number in range(FILES):
        (tree / f"file-{number}").write_bytes(random_content(number, FILE_BYTES))


def assert_same(tree: Path, restored: Path) -> None:
    for number in range(FILES):
        assert (tree / f"file-{number}").read_bytes() == (restored / f"file-{number}").read_bytes()


class Shell:
    """A stand-in for ssh that counts how often it was started, and does `further` to all but the first of a command."""

    def __init__(self, place: Path, server: Program, further: str = '"$@"') -> None:
        self._starts = place / "starts"
        self.path = place / "shell"
        self.path.write_text(
            f"#!/bin/sh\nshift\nexport PYTHONPATH={server.environment.get('PYTHONPATH', '')}\n"
            f'if mkdir {place}/first 2>/dev/null; then exec "$@"; fi\necho >> {self._starts}\n{further}\n'
        )
        self.path.chmod(0o755)
        self._first = place / "first"
        self._server = server

    def used_by(self, client: Program) -> Program:
        return client.with_environment(
            BORG_RSH=str(self.path),
            BORG_REMOTE_PATH=self._server.call[0] if len(self._server.call) == 1 else shlex.join(self._server.call),
            BORG_RELOCATED_REPO_ACCESS_IS_OK="yes",
            VINCULUM_CONNECTIONS=str(CONNECTIONS),
        )

    def further_starts(self) -> int:
        """Of the command that has just ended."""
        count = len(self._starts.read_text()) if self._starts.exists() else 0
        self._starts.unlink(missing_ok=True)
        if self._first.exists():
            self._first.rmdir()
        return count


@pytest.fixture(params=["vinculum", "1.4.5", "1.2.4"])
def server(request: pytest.FixtureRequest, oracle: Callable[[str], Program], vinculum: Program) -> Program:
    return wrapped(vinculum if request.param == "vinculum" else oracle(request.param))


def wrapped(program: Program) -> Program:
    """As a single word, for --remote-path."""
    if len(program.call) > 1:
        script = program.cwd / f"{program.name}-as-server"
        script.write_text(f'#!/bin/sh\nexec {shlex.join(program.call)} "$@"\n')
        script.chmod(0o755)
        return Program(program.name, [str(script)], program.environment, program.cwd)
    return program


def test_objects_travel_by_all_of_them(server: Program, vinculum: Program, borg145: Program, workplace: Path) -> None:
    """Any server has several readers, and our own several writers."""
    build(workplace / "tree")
    shell = Shell(workplace, server)
    client = shell.used_by(vinculum)
    repository = workplace / "repository"
    client.run("init", "-e", "repokey-blake2", url(repository))
    assert shell.further_starts() == 0
    client.run("create", "-C", "none", url(repository, "one"), "tree")
    assert shell.further_starts() == (CONNECTIONS - 1 if server.name == "vinculum" else 0)
    restored = workplace / "restored"
    restored.mkdir()
    done = client.inside(restored).run("extract", url(repository, "one"))
    assert shell.further_starts() == CONNECTIONS - 1
    assert done.err == ""
    assert_same(workplace / "tree", restored / "tree")
    client.run("list", url(repository))
    assert shell.further_starts() == 0
    assert locks(repository) == []
    if server.name != "1.2.4":
        borg145.run("check", "--verify-data", repository, BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")


@pytest.mark.parametrize(
    ("server", "further"),
    [*(("vinculum", further) for further in BREAKING), ("1.4.5", "the first bytes to it"), ("1.4.5", "in a get")],
    indirect=["server"],
)
def test_those_that_break_cost_nothing(
    further: str, server: Program, vinculum: Program, borg145: Program, workplace: Path
) -> None:
    build(workplace / "tree")
    shell = Shell(workplace, server, BREAKING[further])
    client = shell.used_by(vinculum)
    repository = workplace / "repository"
    client.run("init", "-e", "none", url(repository))
    shell.further_starts()
    done = client.run("create", "-C", "none", url(repository, "one"), "tree")
    assert done.err == ""
    shell.further_starts()
    restored = workplace / "restored"
    restored.mkdir()
    done = client.inside(restored).run("extract", url(repository, "one"))
    assert done.err == ""
    assert shell.further_starts() > 0
    assert_same(workplace / "tree", restored / "tree")
    assert locks(repository) == []
    borg145.run("check", "--verify-data", repository, BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")


@pytest.mark.parametrize("stuck", ["in a put", "in a get"])
def test_those_that_get_stuck_are_done_without(
    stuck: str, vinculum: Program, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They move nothing any more and do not end either, while the first connection is well."""
    monkeypatch.setattr(lane, "PATIENCE_S", 0.5)
    further = {"in a put": '(head -c 700000; sleep 100) | "$@"', "in a get": '"$@" | (head -c 700000; sleep 100)'}[stuck]
    server = wrapped(vinculum)
    shell = Shell(workplace, server, further)
    settings = RemoteSettings(vinculum.environment, rsh=str(shell.path), remote_path=server.call[0], connections=CONNECTIONS)
    location = Location.parse(url(workplace / "repository"))
    batches = [sealed([random_content(10 * batch + number, 300_000) for number in range(10)]) for batch in range(10)]
    with RemoteRepository(location, settings, NullSink(), create=True, exclusive=True) as store:
        for batch in batches:
            store.put_many(batch)
        store.commit()
        for batch in batches:
            store.expect(batch.ids())
        for batch in batches:
            found = store.get_many(batch.ids())
            assert [*map(bytes, found)] == [*objects_of(batch).values()]
    assert shell.further_starts() == CONNECTIONS - 1
    assert locks(workplace / "repository") == []


@pytest.mark.parametrize(
    ("line", "sessions"), [("MaxSessions 10", CONNECTIONS), ("MaxSessions 1", 1)], ids=["allowed", "refused"]
)
def test_ssh_logs_in_once(line: str, sessions: int, vinculum: Program, workplace: Path) -> None:
    """All sessions belong to one connection, and nobody hears of it where there may be one only."""
    build(workplace / "tree")
    ssh = SshServer(workplace / "server", line)
    try:
        starts = workplace / "starts"
        ssh.force(f'command=$SSH_ORIGINAL_COMMAND\nunset SSH_ORIGINAL_COMMAND\necho >> {starts}\nexec sh -c "$command"')
        client = vinculum.with_environment(
            BORG_RSH=ssh.rsh, BORG_REMOTE_PATH=shlex.join(vinculum.call), VINCULUM_CONNECTIONS=str(CONNECTIONS)
        )
        repository = f"ssh://{ALIAS}{workplace}/repository"
        client.run("init", "-e", "none", repository)
        logins = ssh.log.read_text().count("Accepted publickey")
        starts.write_text("")
        done = client.run("create", "-C", "none", f"{repository}::one", "tree")
        assert (len(starts.read_text()), done.err) == (sessions, "")
        assert ssh.log.read_text().count("Accepted publickey") == logins + 1
        restored = workplace / "restored"
        restored.mkdir()
        starts.write_text("")
        done = client.inside(restored).run("extract", f"{repository}::one")
        assert (len(starts.read_text()), done.err) == (sessions, "")
        assert_same(workplace / "tree", restored / "tree")
        assert locks(workplace / "repository") == []
    finally:
        ssh.close()


@pytest.mark.parametrize("server", ["vinculum"], indirect=True)
def test_all_of_them_share_the_limit_of_the_rate(server: Program, vinculum: Program, workplace: Path) -> None:
    build(workplace / "tree")
    shell = Shell(workplace, server)
    client = shell.used_by(vinculum)
    client.run("init", "-e", "none", url(workplace / "repository"))
    shell.further_starts()
    began = time.monotonic()
    limit_kib = 4096
    client.run("create", "-C", "none", "--upload-ratelimit", str(limit_kib), url(workplace / "repository", "one"), "tree")
    assert shell.further_starts() == CONNECTIONS - 1
    # What may be saved up is a fifth of a second.
    assert time.monotonic() - began > FILES * FILE_BYTES / (limit_kib * 1024) - 0.2


@pytest.mark.parametrize("count", [0, 9])
def test_lanes_for_which_there_are_no_descriptors_are_done_without(
    count: int, vinculum: Program, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one is there; for the second one this process lacks the first or the last thing that it takes."""
    connect = Connector.connect_lane
    refusals: list[str] = []

    def connect_with_few(self: Connector, command: Sequence[str]) -> Connection:
        if not refusals:
            refusals.append("")
            return connect(self, command)
        with few_descriptors(count):
            try:
                return connect(self, command)
            except Error as error:
                refusals.append(str(error))
                raise

    monkeypatch.setattr(Connector, "connect_lane", connect_with_few)
    server = wrapped(vinculum)
    shell = Shell(workplace, server)
    settings = RemoteSettings(vinculum.environment, rsh=str(shell.path), remote_path=server.call[0], connections=CONNECTIONS)
    location = Location.parse(url(workplace / "repository"))
    batches = [sealed([random_content(10 * batch + number, 300_000) for number in range(5)]) for batch in range(5)]
    with RemoteRepository(location, settings, NullSink(), create=True, exclusive=True) as store:
        for batch in batches:
            store.put_many(batch)
        store.commit()
        for batch in batches:
            assert [*map(bytes, store.get_many(batch.ids()))] == [*objects_of(batch).values()]
    assert "Too many open files" in refusals[1]
    assert locks(workplace / "repository") == []
