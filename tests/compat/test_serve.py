"""Real Borgs as clients of our server."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.archives import list_archives
from support.compare import assert_restored
from support.direct_server import HOST, DirectServer, url
from support.programs import PROJECT, Program
from support.repositories import file_digests, locks, stored_bytes
from support.ssh_server import ALIAS, SshServer
from support.trees import build_plain, random_content
from support.waiting import wait_until
from support.waiting_server import WaitingServer
from vinculum.remote.framing import MAX_REPLY_ARRAY, MAX_REQUEST_ARRAY, MessageSplitter

Connect = Callable[..., Program]


@pytest.fixture
def connect(far_server: WaitingServer) -> Connect:
    """Makes a client of our server: connect(client, *forced options)."""
    return far_server.used_by


@pytest.fixture
def repository(workplace: Path) -> Path:
    return workplace / "repository"


def test_a_repository_lives_its_whole_life_behind_our_server(
    real: Program, borg145: Program, connect: Connect, repository: Path, workplace: Path
) -> None:
    client = connect(real)
    build_plain(workplace / "tree", files=20)
    (workplace / "tree" / "large").write_bytes(random_content(1, 12 << 20))
    client.run("init", "--encryption", "repokey-blake2", url(repository))
    for name in ("one", "two"):
        client.run("create", "--compression", "zstd", url(repository, name), "tree")
    client.run("rename", url(repository, "two"), "four")
    client.run("prune", "--keep-last=1", url(repository))
    client.run("compact", "--threshold=0", url(repository))
    assert json.loads(client.run("list", "--json", url(repository)).out)["archives"][0]["name"] == "four"
    assert json.loads(client.run("info", "--json", url(repository)).out)["encryption"]["mode"] == "repokey-blake2"
    client.run("key", "export", url(repository), "key")
    client.run("key", "change-passphrase", url(repository), BORG_NEW_PASSPHRASE="test")
    client.run("key", "import", url(repository), "key")
    client.run("break-lock", url(repository))
    (workplace / "restored").mkdir()
    client.inside(workplace / "restored").run("extract", url(repository, "four"))
    assert_restored(workplace / "tree", workplace / "restored" / "tree")
    assert locks(repository) == []
    real.run("check", "--verify-data", repository, BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")
    assert list_archives(borg145.with_environment(BORG_RELOCATED_REPO_ACCESS_IS_OK="yes"), repository) == ["four"]
    client.run("delete", url(repository), BORG_DELETE_I_KNOW_WHAT_I_AM_DOING="YES")
    assert not repository.exists()


def test_debug_commands_reach_every_object(borg145: Program, connect: Connect, repository: Path, workplace: Path) -> None:
    client = connect(borg145)
    build_plain(workplace / "tree", files=20)
    client.run("init", "--encryption", "none", url(repository))
    client.run("create", url(repository, "archive"), "tree")
    dumped = [(workplace / name) for name in ("remote", "local")]
    for place, program, where in zip(dumped, (client, borg145), (url(repository), str(repository)), strict=True):
        place.mkdir()
        program.inside(place).run("debug", "dump-repo-objs", where, BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")
    assert file_digests(dumped[0]) == file_digests(dumped[1]) != {}


@pytest.mark.parametrize(
    ("trouble", "command"),
    [
        ("nothing there", ["list", "{missing}"]),
        ("no repository", ["list", "{directory}"]),
        ("a repository there", ["init", "-e", "none", "{repository}"]),
        ("within a repository", ["init", "-e", "none", "{repository}/within"]),
        ("no parent", ["init", "-e", "none", "{missing}/below/below"]),
        ("locked", ["list", "{repository}"]),
        ("not allowed", ["list", "{elsewhere}"]),
        ("no object", ["debug", "get-obj", "{repository}", "00" * 31 + "01", "file"]),
        ("quota", ["create", "{repository}::archive", "large"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_trouble_looks_as_with_borgs_own_server(
    trouble: str, command: list[str], borg145: Program, vinculum: Program, repository: Path, workplace: Path, tmp_path: Path
) -> None:
    (workplace / "directory").mkdir()
    (workplace / "directory" / "file").touch()
    (workplace / "large").write_bytes(random_content(2, 12 << 20))
    (tmp_path / "elsewhere").mkdir()
    DirectServer(vinculum, tmp_path / "first").used_by(borg145).run("init", "--encryption", "none", url(repository))
    if trouble == "locked":
        (repository / "lock.exclusive").mkdir()
        (repository / "lock.exclusive" / "somebody@elsewhere.1-0").touch()
    places = {name: url(workplace / name) for name in ("missing", "directory", "repository")}
    words = [word.format(**places, elsewhere=url(tmp_path / "elsewhere")) for word in command]
    told = []
    for server in (borg145, vinculum):
        rules = ("--restrict-to-path", str(workplace), "--storage-quota", "10M")
        client = DirectServer(server, tmp_path / f"server-{server}", *rules).used_by(borg145)
        done = client.run(*words, code=None, BORG_EXIT_CODES="modern")
        told.append((done.code, done.out, done.err))
    assert told[0] == told[1]
    assert told[0][0] != 0


def test_links_do_not_lead_out_of_what_is_allowed(real: Program, connect: Connect, tmp_path: Path) -> None:
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    allowed.mkdir()
    connect(real).run("init", "--encryption", "none", url(secret))
    (allowed / "link").symlink_to(secret)
    (allowed / "up").symlink_to("..")
    before = file_digests(secret)
    client = connect(real, "--restrict-to-path", str(allowed))
    for words, way in (
        (["list"], "link"),
        (["break-lock"], "up/secret"),
        (["list"], "../secret"),
        (["init", "-e", "none"], "link/new"),
    ):
        assert "not allowed" in client.run(*words, f"{HOST}{allowed}/{way}", code=2).err
    assert file_digests(secret) == before
    client.run("init", "--encryption", "none", url(allowed / "repository"))


def test_one_repository_alone_may_be_made_and_used(real: Program, connect: Connect, repository: Path, workplace: Path) -> None:
    client = connect(real, "--restrict-to-repository", str(repository))
    client.run("init", "--encryption", "none", url(repository))
    client.run("list", url(repository))
    for other in (workplace / "other", repository / "within", workplace):
        assert "not allowed" in client.run("init", "--encryption", "none", url(other), code=2).err


def test_append_only_keeps_what_a_client_deletes(
    real: Program, borg145: Program, connect: Connect, repository: Path, workplace: Path
) -> None:
    build_plain(workplace / "tree", files=20)
    client = connect(real, "--append-only")
    client.run("init", "--encryption", "none", url(repository))
    client.run("create", url(repository, "archive"), "tree")
    data = {name: digest for name, digest in file_digests(repository).items() if name.startswith("data/")}
    client.run("delete", url(repository, "archive"))
    client.run("compact", "--threshold=0", url(repository))
    assert list_archives(client, url(repository)) == []
    assert "append-only" in client.run("delete", url(repository), code=2, BORG_DELETE_I_KNOW_WHAT_I_AM_DOING="YES").err
    assert data.items() <= file_digests(repository).items()
    assert "transaction" in (repository / "transactions").read_text()
    borg145.run("check", repository, BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")


def test_the_owners_quota_counts(real: Program, connect: Connect, repository: Path, workplace: Path) -> None:
    (workplace / "small").write_bytes(random_content(3, 4 << 20))
    (workplace / "large").write_bytes(random_content(4, 12 << 20))
    client = connect(real, "--storage-quota", "10M")
    client.run("init", "--encryption", "none", url(repository))
    client.run("create", url(repository, "small"), "small")
    assert "quota" in client.run("create", url(repository, "large"), "large", code=2).err
    assert list_archives(client, url(repository)) == ["small"]
    assert "storage_quota = 10000000" in (repository / "config").read_text()
    assert locks(repository) == []


def test_what_the_server_has_to_say_arrives(real: Program, connect: Connect, repository: Path, workplace: Path) -> None:
    client = connect(real)
    (workplace / "file").write_bytes(random_content(5, 1 << 20))
    client.run("init", "--encryption", "none", url(repository))
    client.run("create", url(repository, "archive"), "file")
    client.run("delete", url(repository, "archive"))
    done = client.run("--log-json", "compact", "--progress", "--info", url(repository))
    records = [json.loads(line) for line in done.err.splitlines()]
    assert any(
        record.get("msgid") == "repository.compact_segments" and record["type"] == "progress_percent" for record in records
    )
    (told,) = [record for record in records if "freed about" in record.get("message", "")]
    assert (told["levelname"], told["name"]) == ("INFO", "borg.repository")
    assert client.run("compact", url(repository)).err == ""


def test_new_files_get_the_mode_that_the_server_chooses(real: Program, connect: Connect, repository: Path) -> None:
    connect(real, "--umask=027").run("--umask=000", "init", "--encryption", "none", url(repository))
    assert {path.name: path.stat().st_mode & 0o777 for path in (repository, repository / "config")} == {
        "repository": 0o750,
        "config": 0o640,
    }


def test_clients_of_version_1_1_are_served(vinculum: Program, borg145: Program, workplace: Path) -> None:
    """It is hard to install nowadays, so what it sends was recorded."""
    local = borg145.with_environment(BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")
    stored: dict[bytes, bytes] = {}
    for session in json.loads((PROJECT / "tests" / "golden" / "vectors" / "borg_1.1_client.json").read_text())["sessions"]:
        stream = bytes.fromhex(session["client_to_server"])
        written = vinculum.run("serve", "--umask=077", stdin=stream).stdout
        requests = list(MessageSplitter(max_array=MAX_REQUEST_ARRAY).feed(stream))
        replies = list(MessageSplitter(max_array=MAX_REPLY_ARRAY).feed(written))
        for request, reply in zip(requests[1:], replies[1:], strict=True):
            assert set(reply) == {b"i", b"r"}, reply
            arguments = request[b"a"]
            if request[b"m"] == b"put":
                stored[arguments[b"id"]] = arguments[b"data"]
            elif request[b"m"] == b"get":
                assert reply[b"r"] == stored[arguments[b"id"]]
        archives = ["archive"] if session["session"] in ("create", "list an archive") else []
        assert list_archives(local, workplace / "recorded") == archives
    assert len(stored) == 5


def test_a_forced_command_of_a_real_sshd(real: Program, vinculum: Program, tmp_path: Path, workplace: Path) -> None:
    server = SshServer(tmp_path / "ssh")
    try:
        server.force(f"exec {shlex.join(vinculum.call)} serve --restrict-to-path allowed --append-only --info")
        client = real.with_environment(BORG_RSH=server.rsh, BORG_REMOTE_PATH="/no/such/borg")
        build_plain(workplace / "tree", files=20)
        (server.home / "allowed").mkdir()
        client.run("init", "-e", "repokey", f"{ALIAS}:allowed/repository")
        client.run("create", f"{ALIAS}:allowed/repository::archive", "tree")
        (workplace / "restored").mkdir()
        client.inside(workplace / "restored").run("extract", f"{ALIAS}:allowed/repository::archive")
        assert_restored(workplace / "tree", workplace / "restored" / "tree")
        client.run("delete", f"{ALIAS}:allowed/repository::archive")
        assert client.run("compact", "--info", f"{ALIAS}:allowed/repository").code == 0
        assert (server.home / "allowed" / "repository" / "transactions").exists()
        assert "not allowed" in client.run("list", f"{ALIAS}:other", code=2).err
        assert locks(server.home / "allowed" / "repository") == []
    finally:
        server.close()


# -- broken connections ------------------------------------------------------------------------------------------------


class Stalled:
    """A create through our server that has stored something and now waits for input that never comes."""

    def __init__(self, real: Program, vinculum: Program, repository: Path, place: Path) -> None:
        self.server = DirectServer(vinculum, place / "server")
        self.client = self.server.used_by(real)
        (real.cwd / "large").write_bytes(random_content(6, 20 << 20))
        self.client.run("init", "--encryption", "none", url(repository))
        self.client.run("create", url(repository, "before"), "large", "--exclude", "*")
        before = stored_bytes(repository)
        self.fifo = real.cwd / "fifo"
        os.mkfifo(self.fifo)
        self.process = self.client.start("create", "--read-special", url(repository, "archive"), "large", "fifo")
        self.pipe = open(self.fifo, "wb", buffering=0)  # noqa: SIM115  open until the end of the test
        wait_until(lambda: stored_bytes(repository) > before + (10 << 20), "something was stored")
        assert locks(repository) != []

    def end(self) -> tuple[int, str]:
        self.pipe.close()
        errors = self.process.communicate(timeout=60)[1]
        self.fifo.unlink()
        return self.process.returncode, errors.decode()


@pytest.fixture
def stalled(real: Program, vinculum: Program, repository: Path, tmp_path: Path) -> Stalled:
    return Stalled(real, vinculum, repository, tmp_path)


def is_alive(pid: int) -> bool:
    return subprocess.run(["kill", "-0", str(pid)], check=False, capture_output=True).returncode == 0


def test_a_client_that_dies_leaves_no_lock(stalled: Stalled, repository: Path) -> None:
    pid = stalled.server.pid
    os.kill(stalled.process.pid, signal.SIGKILL)
    stalled.end()
    wait_until(lambda: not is_alive(pid), "the server has ended")
    assert locks(repository) == []
    assert list_archives(stalled.client, url(repository)) == ["before"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_server_that_is_told_to_end_leaves_no_lock(number: signal.Signals, stalled: Stalled, repository: Path) -> None:
    pid = stalled.server.pid
    os.kill(pid, number)
    code, errors = stalled.end()
    wait_until(lambda: not is_alive(pid), "the server has ended")
    assert code == 2
    # Borg does not read on if it was about to send something.
    assert f"Remote: Received {number.name}" in errors or "broken pipe" in errors.lower()
    assert locks(repository) == []
    assert list_archives(stalled.client, url(repository)) == ["before"]


def test_the_lock_of_a_killed_server_does_not_last(stalled: Stalled, repository: Path) -> None:
    os.kill(stalled.server.pid, signal.SIGKILL)
    code, _ = stalled.end()
    assert code == 2
    assert locks(repository) != []
    stalled.client.run("create", url(repository, "after"), "large")
    assert locks(repository) == []
    assert list_archives(stalled.client, url(repository)) == ["before", "after"]
