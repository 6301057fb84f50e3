"""The connection breaks after each message of a backup and of a restore, on its way there or back.

That is a clear error, leaves no lock on either side, and the next try succeeds. Usually a few messages of each kind are the
last ones; VINCULUM_EVERY_MESSAGE=1 takes them all.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.archives import cache_directory
from support.compare import assert_restored
from support.direct_server import url
from support.fork_servers import Servers
from support.programs import PROJECT, Completed, client_environment
from support.repositories import locks
from support.trees import build_plain
from support.waiting import wait_until
from support.waiting_server import WaitingServer, WaitingServers

EVERY = bool(os.environ.get("VINCULUM_EVERY_MESSAGE"))
MODE = "repokey" if EVERY else "none"  # a key means more messages, and takes its time
BREAKING_SHELL = PROJECT / "tests" / "support" / "breaking_shell.py"
NEVER = 1_000_000
FILES = 12
IN_MEMORY = Path("/dev/shm")
# Of those, one has to be ours; and of Borg at both ends, we know what it does.
PAIRS = [("vinculum", "vinculum"), ("vinculum", "1.4.5"), ("1.4.5", "vinculum")]


class Line:
    """A client with a backup to make and one to restore, over a connection that can break."""

    def __init__(self, clients: Servers, client: str, server: WaitingServer, place: Path) -> None:
        self._client = {"vinculum": clients.ours, "1.4.5": clients.theirs}[client]
        self._borg = clients.theirs
        self._server = server
        self._prepared = place / "prepared"
        self._place = place / "now"
        self._broken = place / "broken"
        self._prepared.mkdir()
        build_plain(self._prepared / "tree", files=FILES)
        shutil.copytree(self._prepared, self._place)
        self.run("init", "-e", MODE, "REPO")
        self.run("create", "REPO::before", "tree", "--exclude", "*")  # so that there is a cache
        self.keep()

    def keep(self) -> None:
        """From now on, everything begins as it is now."""
        shutil.rmtree(self._prepared)
        shutil.copytree(self._place, self._prepared)

    def begin(self) -> None:
        """Everything as it was kept."""
        shutil.rmtree(self._place)
        shutil.copytree(self._prepared, self._place)

    def length(self, side: str, *words: str) -> int:
        """How many messages that side sends when nothing happens."""
        self.begin()
        done = self.run(*words, side=side, code=None)
        assert done.code == 0, done
        return int(self._told().split()[0])

    def _told(self) -> str:
        """What became of the connection. A client that has failed may be gone before its shell is."""
        wait_until(self._broken.exists, "the shell has ended")
        return self._broken.read_text()

    def break_after(self, messages: int, side: str, *words: str) -> Completed:
        """It must fail because of the connection alone, and leave no lock."""
        done = self.run(*words, side=side, messages=messages, code=None)
        assert self._told() == f"{messages} 1", done
        assert done.code == 2, done
        assert "Connection closed by remote host" in done.err
        assert "Traceback" not in done.err
        self.assert_unlocked()
        return done

    def assert_unlocked(self) -> None:
        assert locks(self._place / "repository") == []
        assert locks(cache_directory(self._place / "home")) == []

    def archives(self) -> list[str]:
        return self.run("list", "--short", "REPO").out.split()

    def check(self) -> None:
        """What Borg says of the repository where it is."""
        environment = {**client_environment(self._place / "home"), "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}
        words = ["check", "--verify-data", str(self._place / "repository")]
        done = self._borg.run(words, stdin=b"", cwd=self._place, environment=environment)
        assert done.code == 0, done

    def assert_restored(self) -> None:
        assert_restored(self._place / "tree", self._place / "restored" / "tree")

    def run(self, *words: str, side: str = "client", messages: int = NEVER, code: int | None = 0, **more: str) -> Completed:
        """One command, over a connection that ends after so many messages of that side."""
        self._broken.unlink(missing_ok=True)
        rsh = self._server.rsh()
        if messages != NEVER or code is None:
            rsh = shlex.join([sys.executable, str(BREAKING_SHELL), side, str(messages), *shlex.split(rsh)])
        environment = {
            **client_environment(self._place / "home"),
            "BORG_RSH": rsh,
            "BORG_HOST_ID": "client",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
            "VINCULUM_TEST_BROKEN": str(self._broken),
            "PYTHONPATH": str(PROJECT / "src"),
            **more,
        }
        (self._place / "restored").mkdir(exist_ok=True)
        cwd = self._place / "restored" if words[0] == "extract" else self._place
        filled = [word.replace("REPO", url(self._place / "repository")) for word in words]
        done = self._client.run(filled, stdin=b"", cwd=cwd, environment=environment)
        assert code is None or done.code == code, done
        return done


@pytest.fixture(params=PAIRS, ids="-to-".join)
def line(request: pytest.FixtureRequest, servers: Servers, waiting: WaitingServers) -> Iterator[Line]:
    client, server = request.param
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as place:
        yield Line(servers, client, waiting[server], Path(place))


def moments(length: int, side: str) -> list[int]:
    """After how many messages to break. Once a client has its last reply, it is content."""
    last = length if side == "client" else length - 1
    return [*range(1, last + 1)] if EVERY else sorted({2, last // 2, last})


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_backup_is_begun_anew(side: str, line: Line) -> None:
    """What a backup says: negotiate, open, manifest, key, objects, manifest, commit."""
    create = ("create", "REPO::archive", "tree")
    length = line.length(side, *create)
    assert length > FILES
    for messages in moments(length, side):
        line.begin()
        line.break_after(messages, side, *create)
        # The commit may have been heard, or carried out, although nobody could say so any more.
        if line.archives() == ["before"]:
            line.run(*create)
        assert line.archives() == ["before", "archive"], messages
        line.assert_unlocked()
        line.check()


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_restore_is_begun_anew(side: str, line: Line) -> None:
    line.begin()
    line.run("create", "REPO::archive", "tree")
    line.keep()
    extract = ("extract", "REPO::archive")
    length = line.length(side, *extract)
    assert length > FILES
    for messages in moments(length, side):
        line.begin()
        line.break_after(messages, side, *extract)
        line.run(*extract)
        line.assert_restored()
        line.assert_unlocked()


@pytest.mark.parametrize(("messages", "code"), [(0, 81), (1, 80)])
def test_exit_codes_tell_whether_there_ever_was_a_server(
    messages: int, code: int, servers: Servers, waiting: WaitingServers, tmp_path: Path
) -> None:
    line = Line(servers, "vinculum", waiting["vinculum"], tmp_path)
    done = line.run("list", "REPO", side="server", messages=messages, code=code, BORG_EXIT_CODES="modern")
    assert ("Is borg working on the server?" in done.err) == (code == 81)
