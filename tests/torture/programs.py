"""The programs of the torture: imported already, and forked for each command, as ten thousand strikes take as many commands."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from support.direct_server import url
from support.fork_servers import BORG_MODULES, OUR_MODULES, ForkServer
from support.programs import PROJECT, Completed, client_environment, oracle_path
from support.ssh_server import SshServer
from support.waiting_server import OUR_SERVER, BehindSsh, WaitingServer
from torture.scenarios import Archives
from torture.strikes import CLIENT, COUNTERS, SERVER, Order

COMMANDS = ("break_lock", "compact", "config", "key_change_passphrase", "key_import", "prune", "recreate", "rename")
STRUCK_MODULES = [
    "torture.strikes",
    *OUR_MODULES,
    *(f"vinculum.cli.commands.{name}" for name in COMMANDS),
    # What commands import when they need it, and would each time.
    "string",
    "vinculum.cache.directory",
    "vinculum.cache.unopened",
    "vinculum.keys.counters",
    "vinculum.keys.custody",
    "vinculum.keys.key",
    "vinculum.keys.keyfile",
    "vinculum.keys.related_secrets",
    "vinculum.operations.compact",
    "vinculum.operations.rename",
    "vinculum.remote.client",
    "vinculum.repository.check",
    "vinculum.repository.compaction",
    "vinculum.repository.location",
    "vinculum.repository.quota",
    "vinculum.repository.segment_writer",
    "vinculum.repository.transaction",
]
SIGALRM = -14
BUG = re.compile(rb"Traceback|Internal error|panicked")
HOST = "torture"


class Broken(AssertionError):
    """A promise was not kept."""


class Hung(Broken):
    """Something took a minute: it waits for ever, or the machine stood still."""


class Programs:
    """Ours as client and as server, and real Borg, for one repository with its client. Confined to one thread."""

    def __init__(self, place: Path, case: Path, mode: str, ssh: SshServer | None = None) -> None:
        """`case` is where `repo` and the client's `home` are; all else lies in `place`, the `tree` that is backed up, too.

        Without `ssh` clients and servers are connected by pipes, which is quicker.
        """
        self.place = place
        self.case = case
        self.mode = mode
        self.repository = case / "repo"
        self.counters = place / "counters"
        """What counters were taken to seal something, by whoever."""
        path = f"{PROJECT / 'src'}:{PROJECT / 'tests'}"
        environment = {**client_environment(place), "PYTHONPATH": path}
        self._ours = ForkServer("ours", Path(sys.executable), STRUCK_MODULES, environment, place)
        borg = {**client_environment(place), "BORG_HOST_ID": HOST}  # which Borg looks at when it is imported
        self._borg = ForkServer("borg", oracle_path("1.4.5", "python3"), BORG_MODULES, borg, place)
        self._server = WaitingServer("vinculum", place / "server", [*STRUCK_MODULES, *OUR_SERVER], path)
        far = self._server if ssh is None else BehindSsh(self._server, ssh, place, SERVER, COUNTERS, "BORG_HOST_ID")
        self._shell = far.rsh()

    def close(self) -> None:
        self._ours.close()
        self._borg.close()
        self._server.close()

    def run(self, *words: str, far: bool = False, **environment: str) -> Completed:
        """Our program."""
        everything = {**self._environment(far), **environment, COUNTERS: str(self.counters)}
        done = self._ours.run(self._filled(words, far), stdin=b"", cwd=self.place, environment=everything)
        if BUG.search(done.stderr):
            raise Broken(f"a bug showed\n{done}")
        if done.code == SIGALRM:
            raise Hung(f"it hung\n{done}")
        return done

    def run_struck(self, place: str, order: Order, words: list[str], environment: dict[str, str]) -> Completed:
        """The same, with an order for the one who is to be struck: the program itself, or its server."""
        variable = SERVER if place == "server" else CLIENT
        return self.run(*words, far=place != "local", **environment, **{variable: str(order)})

    def ok(self, *words: str, codes: tuple[int, ...] = (0,), far: bool = False, **environment: str) -> Completed:
        """It has to end with one of these exit codes."""
        done = self.run(*words, far=far, **environment)
        if done.code not in codes:
            raise Broken(f"exit code {done.code}\n{done}")
        return done

    def survey(self, *before: str, codes: tuple[int, ...] = (0,), **environment: str) -> Archives:
        """What is there, after some other commands."""
        done = self.ok(*before, "survey", "REPO", "PLACE/surveyed", codes=codes, **environment)
        found: Archives = json.loads(done.out.splitlines()[-1])
        return found

    def ask_borg(self, **environment: str) -> None:
        """Whether it is content with the repository."""
        # Where much else is going on, a second may be over before Borg has looked twice.
        words = ["check", "--lock-wait=20", "--verify-data", str(self.repository)]
        done = self._borg.run(words, stdin=b"", cwd=self.place, environment={**self._environment(), **environment})
        if done.code != 0:
            raise (Hung if done.code == SIGALRM else Broken)(f"Borg is not content\n{done}")

    def _environment(self, far: bool = False) -> dict[str, str]:
        environment = {
            **client_environment(self.case / "home"),
            "BORG_HOST_ID": HOST,
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }
        return {**environment, "BORG_RSH": self._shell} if far else environment

    def _filled(self, words: tuple[str, ...], far: bool) -> list[str]:
        repository = url(self.repository) if far else str(self.repository)
        values = {"REPO": repository, "TREE": "tree", "PLACE": str(self.place), "MODE": self.mode}
        return [re.sub("REPO|TREE|PLACE|MODE", lambda found: values[found.group()], word) for word in words]
