"""Every client with every server: vinculum, Borg 1.4.5 and Borg 1.2.4 on both sides live the same life.

What a client says, and the exit codes, do not depend on the server; what is in the archives does not depend on the client.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.compare import assert_restored
from support.direct_server import url
from support.fork_servers import Servers
from support.masks import masked
from support.programs import PASSPHRASE, Completed, client_environment
from support.repositories import locks
from support.trees import build_every_kind, random_content
from support.twins import MASKS
from support.waiting_server import WaitingServer, WaitingServers

PROGRAMS = ("vinculum", "1.4.5", "1.2.4")
CHECKERS = ("vinculum", "1.4.5", "1.2.4")
"""Who can check repositories; that takes both sides."""
TIMES = (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?"), "<TIME>")
OWN_SIZE = (re.compile(r"(This archive: .*) \d+ B$", re.MULTILINE), r"\1 <OWN SIZE>")
"""What only this archive has is its own record, whose times compress by a byte more or less from run to run."""
IN_MEMORY = Path("/dev/shm")
"""Nothing here is about disks, and there are many commits."""
HOLDER = "otherhost@1.1-0"
CONTENT = "{mode} {uid} {gid} {size} {mtime} {sha256} {path}{extra}{NL}"


class Told(NamedTuple):
    """What a client made of a step."""

    words: tuple[str, ...]
    out: str
    err: str


class Corner:
    """One client, and one server of its repository."""

    def __init__(self, clients: Servers, client: str, server: WaitingServer, place: Path, tree: Path) -> None:
        self._client = {"vinculum": clients.ours, "1.4.5": clients.theirs, "1.2.4": clients.oldest}[client]
        # Borg 1.4.5 wants archives authenticated, which Borg 1.2.4 cannot do yet.
        self._checker = clients.oldest if client == "1.2.4" else clients.theirs
        self._server = server
        self._place = place
        self._home = place / "home"
        self._tree = tree
        self._home.mkdir(parents=True)
        self.repository = place / "repository"
        self.told: list[Told] = []

    def run(self, *words: str, code: int = 0, cwd: Path | None = None) -> Completed:
        """One step of the client, told apart by its words; REPO stands for the repository's URL."""
        environment = {
            **client_environment(self._home),
            "BORG_RSH": self._server.rsh(),
            "BORG_HOST_ID": "client",
            "BORG_PASSPHRASE": PASSPHRASE,
            "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING": "YES",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }
        filled = [word.replace("REPO", url(self.repository)) for word in words]
        done = self._client.run(filled, stdin=b"", cwd=cwd or self._tree.parent, environment=environment)
        assert done.code == code, done
        shown = [self._masked(text) for text in (done.out, done.err)]
        self.told.append(Told(words, *shown))
        return done

    def _masked(self, text: str) -> str:
        return masked(text.replace(str(self._place), "<PLACE>"), (*MASKS, TIMES, OWN_SIZE))

    def check(self) -> None:
        """What Borg says of the repository where it is."""
        environment = {**client_environment(self._home), "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}
        words = ["check", "--verify-data", str(self.repository)]
        done = self._checker.run(words, stdin=b"", cwd=self._place, environment=environment)
        assert done.code == 0, done

    def live(self, *, checks: bool) -> None:
        """The whole life."""
        self.run("list", "REPO", code=2)
        self.run("init", "--encryption", "none", "REPO")  # which cuts all files alike
        self.run("init", "--encryption", "none", "REPO", code=2)
        for day in (1, 2, 3):
            time = f"2024-01-0{day}T10:00:00"
            self.run("create", "--list", "--filter=AM", "--timestamp", time, f"REPO::day-{day}", "tree")
        self.run("list", "REPO")
        self.run("list", "REPO::day-4", code=2)
        self.run("create", "REPO::day-3", "tree", code=2)
        self.run("rename", "REPO::day-2", "second")
        self.run("info", "REPO::day-1")
        self.hold_lock()
        self.run("list", "--lock-wait=0", "REPO", code=2)
        self.run("break-lock", "REPO")
        self.restore("day-3")
        self.check()
        self.run("delete", "REPO::day-1")
        self.run("prune", "--list", "--keep-last=1", "--glob-archives=day-*", "REPO")
        self.run("delete", "REPO::second")
        self.run("compact", "--threshold=0", "REPO")
        self.run("list", "--format", "{archive} {time} {comment}{NL}", "REPO")
        if checks:
            self.run("check", "--verify-data", "REPO")
            self.told.pop()
        self.check()
        assert locks(self.repository) == []
        self.run("delete", "REPO")
        assert not self.repository.exists()

    def hold_lock(self) -> None:
        (self.repository / "lock.exclusive").mkdir()
        (self.repository / "lock.exclusive" / HOLDER).touch()

    def restore(self, archive: str) -> None:
        self.run("list", "--format", CONTENT, f"REPO::{archive}")
        place = self._tree.with_name(f"restored-{self._place.name}")
        place.mkdir()
        self.run("extract", f"REPO::{archive}", cwd=place)
        assert_restored(self._tree, place / "tree")


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as place:
        yield Path(place)


@pytest.mark.parametrize("client", PROGRAMS)
def test_a_life_does_not_depend_on_the_server(
    client: str, servers: Servers, waiting: WaitingServers, workplace: Path, place: Path
) -> None:
    tree = workplace / "tree"
    build_every_kind(tree, big_bytes=3 << 20)
    (tree / "random").write_bytes(random_content(7, 3 << 20))
    lives = {}
    for number, server in enumerate(PROGRAMS):
        corner = Corner(servers, client, waiting[server], place / str(number), tree)
        corner.live(checks=client in CHECKERS and server in CHECKERS)
        lives[server] = corner
    for server, corner in lives.items():
        assert corner.told == lives["1.4.5"].told, server
