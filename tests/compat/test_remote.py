"""vinculum as a client over a real sshd, of real Borg's server and of its own: everything works as on a local repository."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.archives import extract, list_archives
from support.compare import assert_restored
from support.programs import Completed, Program
from support.repositories import file_digests, locks, stored_bytes
from support.ssh_server import ALIAS, SshServer
from support.trees import build_every_kind, build_plain, random_content

SERVERS = ["1.4.5", "1.2.4", "vinculum"]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, oracle: Callable[[str], Program], vinculum: Program) -> Program:
    """The program on the other side, which also looks at what became of its repositories."""
    program = vinculum if request.param == "vinculum" else oracle(request.param)
    return program.with_environment(BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")


@pytest.fixture
def over_ssh(ssh_server: SshServer, server: Program) -> Callable[[Program], Program]:
    """Makes a program reach that server."""
    return lambda program: program.with_environment(BORG_RSH=ssh_server.rsh, BORG_REMOTE_PATH=shlex.join(server.call))


@pytest.fixture
def client(vinculum: Program, over_ssh: Callable[[Program], Program]) -> Program:
    return over_ssh(vinculum)


@pytest.fixture
def url(workplace: Path) -> str:
    return f"ssh://{ALIAS}{workplace}/repository"


def archives(program: Program, url: str) -> list[str]:
    return [archive["name"] for archive in json.loads(program.run("list", "--json", url).out)["archives"]]


@pytest.mark.parametrize(
    ("server", "mode"),
    [("1.4.5", "repokey"), ("1.2.4", "keyfile-blake2"), ("vinculum", "authenticated")],
    indirect=["server"],
    ids=SERVERS,
)
def test_a_repository_lives_on_the_server(
    client: Program, server: Program, borg145: Program, workplace: Path, url: str, mode: str
) -> None:
    client = client.with_environment(BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")
    repository, tree = workplace / "repository", workplace / "tree"
    build_every_kind(tree, big_bytes=12 << 20)
    client.run("init", "-e", mode, url)
    client.run("create", f"{url}::first", "tree")
    (tree / "another").write_bytes(random_content(1, 3 << 20))
    client.run("create", f"{url}::second", "tree")
    assert archives(client, url) == list_archives(server, repository) == ["first", "second"]
    assert client.run("list", f"{url}::second").out == server.run("list", f"{repository}::second").out

    restored = workplace / "restored"
    restored.mkdir()
    client.inside(restored).run("extract", f"{url}::second")
    assert_restored(tree, restored / "tree")
    assert_restored(tree, extract(server, repository, "second", workplace / "restored-by-borg") / "tree")

    client.run("create", f"{url}::third", "tree")
    client.run("prune", "--keep-last", "2", url)
    client.run("rename", f"{url}::second", "renamed")
    client.run("delete", f"{url}::renamed")
    before = stored_bytes(repository)
    (tree / "another").unlink()
    client.run("create", f"{url}::fourth", "tree")
    client.run("delete", f"{url}::third")
    client.run("compact", url)
    assert stored_bytes(repository) < before - (2 << 20)
    assert archives(client, url) == ["fourth"]
    borg145.run("check", "--verify-data", repository, BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")
    assert locks(repository) == []


@pytest.mark.parametrize("server", ["1.4.5"], indirect=True)
def test_both_clients_take_turns(
    client: Program, borg145: Program, over_ssh: Callable[[Program], Program], workplace: Path, url: str
) -> None:
    """With one cache, one security record and one name for the repository."""
    build_plain(workplace / "tree", files=30)
    clients = [client, over_ssh(borg145)]
    clients[0].run("init", "-e", "repokey", url)
    for number in range(4):
        (workplace / "tree" / f"new-{number}").write_bytes(b"%d" % number)
        done = clients[number % 2].run("create", "--list", "--filter", "AM", f"{url}::{number}", "tree")
        assert f"new-{number}" in done.err
        assert "ynchroniz" not in done.err
    outputs = [
        [
            program.run(*command, code=None)
            for command in (("list", url), ("info", f"{url}::2"), ("list", f"{url}::3"), ("info", url))
        ]
        for program in clients
    ]
    assert [done.out for done in outputs[0]] == [done.out for done in outputs[1]]


@pytest.mark.parametrize("server", ["1.4.5"], indirect=True)
def test_locations_in_every_form(client: Program, ssh_server: SshServer) -> None:
    """All of them lead to the repository in the home directory of the account."""
    repository = ssh_server.home / "repository"
    client = client.with_environment(BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")
    client.run("init", "-e", "none", f"{ALIAS}:repository")
    assert (repository / "config").exists()
    for typed, canonical in (
        (f"ssh://{ALIAS}/~/repository", f"ssh://{ALIAS}/~/repository"),
        (f"ssh://{ALIAS}/./repository", f"ssh://{ALIAS}/./repository"),
        (f"{ALIAS}:repository", f"ssh://{ALIAS}/./repository"),
        (f"{ALIAS}:~/repository", f"ssh://{ALIAS}/~/repository"),
        (f"root@{ALIAS}:{repository}", f"ssh://root@{ALIAS}{repository}"),
        (f"ssh://root@127.0.0.1:{ssh_server.port}{repository}", f"ssh://root@127.0.0.1:{ssh_server.port}{repository}"),
    ):
        found = json.loads(client.run("list", "--json", typed).out)
        assert found["repository"]["location"] == canonical
    assert client.run("list", "--short", f"file://{repository}").out == ""


@pytest.mark.parametrize("server", ["1.4.5"], indirect=True)
def test_options_outweigh_variables(client: Program, url: str) -> None:
    rsh, borg = client.environment["BORG_RSH"], client.environment["BORG_REMOTE_PATH"]
    misled = client.with_environment(BORG_RSH="false", BORG_REMOTE_PATH="no-such-program")
    misled.run("init", "-e", "none", "--rsh", rsh, "--remote-path", borg, url)
    assert misled.run("--rsh", rsh, "--remote-path", borg, "list", url).err == ""
    assert "Connection closed by remote host" in misled.run("list", "--remote-path", borg, url, code=2).err
    assert "no-such-program" in misled.run("list", "--rsh", rsh, url, code=2).err


@pytest.mark.parametrize("server", ["1.4.5"], indirect=True)
def test_an_agent_holds_the_key(client: Program, ssh_server: SshServer, url: str) -> None:
    """As ssh does everything that has to do with logging in, it also asks the agent of its user."""
    with tempfile.TemporaryDirectory() as place:  # a path as short as sockets want it
        started = subprocess.run(["ssh-agent", "-s", "-a", f"{place}/agent"], check=True, capture_output=True, text=True)
        (pid,) = re.findall(r"SSH_AGENT_PID=(\d+)", started.stdout)
        try:
            knowing = client.with_environment(BORG_RSH=ssh_server.rsh_without_key(), SSH_AUTH_SOCK=f"{place}/agent")
            assert "Permission denied" in knowing.run("init", "-e", "none", url, code=2).err
            subprocess.run(["ssh-add", "-q", ssh_server.user_key], check=True, env=knowing.environment)
            knowing.run("init", "-e", "none", url)
            knowing.run("create", f"{url}::archive", ".")
        finally:
            os.kill(int(pid), signal.SIGTERM)
    assert archives(client, url) == ["archive"]


def both(client: Program, other: Program, *command: str, **environment: str) -> tuple[Completed, Completed]:
    """The same trouble for both clients, told to programs."""
    options = {"BORG_EXIT_CODES": "modern", **environment}
    ours, theirs = (program.run("--log-json", *command, code=None, **options) for program in (client, other))
    return ours, theirs


def last_msgid(done: Completed) -> str:
    """The reason that a command gave last."""
    records = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    return [record["msgid"] for record in records if record.get("levelname") == "ERROR" and "msgid" in record][-1]


TROUBLES = {
    "no repository": (["list", "URL/nothing"], {}),
    "not a repository": (["list", "URL/tree"], {}),
    "repository exists": (["init", "-e", "none", "URL/repository"], {}),
    "something is in the way": (["init", "-e", "none", "URL/tree"], {}),
    "parent missing": (["init", "-e", "none", "URL/no/where"], {}),
    "no program": (["list", "URL/repository"], {"BORG_REMOTE_PATH": "no-such-program"}),
    "wrong program": (["list", "URL/repository"], {"BORG_REMOTE_PATH": "echo"}),
    "program that says nothing": (["list", "URL/repository"], {"BORG_REMOTE_PATH": "true"}),
    "no host": (["list", "ssh://127.0.0.1:1/repository"], {}),
    "archive missing": (["list", "URL/repository::nothing"], {}),
}


@pytest.mark.parametrize("server", ["1.4.5"], indirect=True)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_is_told_as_borg_tells_it(
    trouble: str, client: Program, borg145: Program, over_ssh: Callable[[Program], Program], workplace: Path
) -> None:
    build_plain(workplace / "tree", files=1)
    client.run("init", "-e", "none", f"ssh://{ALIAS}{workplace}/repository")
    command, environment = TROUBLES[trouble]
    words = [word.replace("URL", f"ssh://{ALIAS}{workplace}") for word in command]
    ours, theirs = both(client, over_ssh(borg145), *words, **environment)
    assert (ours.code, last_msgid(ours)) == (theirs.code, last_msgid(theirs)), f"{ours}\n{theirs}"
    assert ours.code >= 3
    assert "Traceback" not in ours.err
    assert locks(workplace / "repository") == []


@pytest.mark.parametrize("server", ["1.4.5"], indirect=True)
@pytest.mark.parametrize(
    "command",
    [
        ["config", "URL", "additional_free_space"],
        ["config", "--list", "URL"],
        ["config", "URL", "append_only", "1"],
        ["debug", "dump-hints", "URL", "hints"],
        ["debug", "dump-repo-objs", "--ghost", "URL"],
        ["upgrade", "URL"],
    ],
    ids=" ".join,
)
def test_what_works_only_where_the_files_are_is_refused(
    command: list[str], client: Program, borg145: Program, over_ssh: Callable[[Program], Program], workplace: Path, url: str
) -> None:
    """Borg refuses the same, with a traceback or a page of usage at times; ours is a line."""
    client.run("init", "-e", "none", url)
    before = file_digests(workplace / "repository")
    words = [word.replace("URL", url) for word in command]
    ours, theirs = (program.run(*words, code=None) for program in (client, over_ssh(borg145)))
    assert ours.code == theirs.code, f"{ours}\n{theirs}"
    assert file_digests(workplace / "repository") == before
    if ours.code:
        assert len(ours.err.splitlines()) == 1, ours


def test_a_lock_is_waited_for_and_broken(client: Program, server: Program, workplace: Path, url: str) -> None:
    repository = workplace / "repository"
    client.run("init", "-e", "none", url)
    (repository / "lock.exclusive").mkdir()
    (repository / "lock.exclusive" / "otherhost@1.1-0").touch()
    done = client.run("list", url, code=73, BORG_EXIT_CODES="modern")
    assert "lock" in done.err
    client.run("break-lock", url)
    assert locks(repository) == []
    client.run("list", url)
    server.run("list", repository)


def test_what_the_server_says_is_passed_on(client: Program, workplace: Path, url: str) -> None:
    """Warnings and progress, as text and for programs."""
    client.run("init", "-e", "none", url)
    build_plain(workplace / "tree", files=3)
    for number in range(3):
        client.run("create", f"{url}::{number}", "tree")
    done = client.run("--log-json", "--progress", "compact", url)
    records = [json.loads(line) for line in done.err.splitlines()]
    steps = [record for record in records if record.get("msgid") == "repository.compact_segments"]
    assert steps
    assert all(record["message"].startswith("Remote: ") for record in steps if not record["finished"])
    assert "Remote: " in client.run("--info", "compact", url).err


def test_versions_of_both_sides(client: Program, server: Program, url: str) -> None:
    assert client.run("version", url).out == f"1.4.5 / {'1.2.4' if server.name == 'borg-1.2.4' else '1.4.5'}\n"
