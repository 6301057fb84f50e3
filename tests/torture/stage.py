"""One place with a repository and a client, where one thing goes wrong at a time; and the look at what is left then."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from support.direct_server import url
from support.programs import PROJECT, Completed, client_environment, oracle_path
from support.sealed_counters import counters, shared
from support.ssh_server import SshServer
from support.twins import BORG_MODULES, OUR_MODULES, ForkServer
from support.waiting_server import OUR_SERVER, BehindSsh, WaitingServer
from torture.scenarios import NEW_PASSPHRASE, Archives, Scenario
from torture.strikes import CLIENT, COUNTERS, ENDS, SERVER, Order

STRIKES = [
    "torture.strikes",
    *OUR_MODULES,
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
COMMANDS = ("break_lock", "compact", "config", "key_change_passphrase", "key_import", "prune", "recreate", "rename")
SIGALRM, SIGKILL = -14, -9
SMALL_SEGMENTS = "30000"
BUG = re.compile(rb"Traceback|Internal error|panicked")
NEXT = "next"
FULL, PAGE, ROOMY, MOST_PAGES = "full", 4096, 64 << 20, 400
NO_SPACE = re.compile(rb"(No space left|not enough free space|Insufficient)", re.IGNORECASE)
HOST = "torture"
ROUGHLY = 64


class Broken(AssertionError):
    """A promise was not kept."""


class Hung(Broken):
    """Something took a minute: it waits for ever, or the machine stood still."""


class Outcome(NamedTuple):
    """What one strike did."""

    struck: str
    """The call, empty if the program came to its end before."""
    count: int
    """How many calls there were, if it did."""
    borg_checked: bool


class Stage:
    """Confined to one thread. Everything lies below `place`, which should be in memory."""

    def __init__(
        self,
        place: Path,
        mode: str,
        seed: int = 0,
        disk: Path | None = None,
        shapes: set[str] | None = None,
        ssh: SshServer | None = None,
    ) -> None:
        """`shapes` are those of repositories that Borg has seen in this mode; what it sees here is added.

        Without `ssh` clients and servers are connected by pipes, which is quicker.
        """
        self.mode = mode
        self.place = place
        self.case = place / "case" if disk is None else disk
        self._random = random.Random(seed)
        self._shapes = set[str]() if shapes is None else shapes
        self._counters = place / "counters"
        self.strikes = 0
        self.borg_checks = 0
        (place / "tree").mkdir(parents=True)
        path = f"{PROJECT / 'src'}:{PROJECT / 'tests'}"
        environment = {**client_environment(place), "PYTHONPATH": path}
        modules = [*STRIKES, *(f"vinculum.cli.commands.{name}" for name in COMMANDS)]
        self._ours = ForkServer("ours", Path(sys.executable), modules, environment, place)
        borg = {**client_environment(place), "BORG_HOST_ID": HOST}  # which Borg looks at when it is imported
        self._borg = ForkServer("borg", oracle_path("1.4.5", "python3"), BORG_MODULES, borg, place)
        self._server = WaitingServer("vinculum", place / "server", [*modules, *OUR_SERVER], path)
        far = self._server if ssh is None else BehindSsh(self._server, ssh, place, SERVER, COUNTERS, "BORG_HOST_ID")
        self._shell = far.rsh()
        self._build_tree()
        self._states: dict[str, Archives] = {}
        self._afters: dict[str, Archives] = {}
        self._durations_s: dict[tuple[str, str], float] = {}
        self._prepare()

    def close(self) -> None:
        self._ours.close()
        self._borg.close()
        self._server.close()

    # -- states to begin from ------------------------------------------------------------------------------------------

    def _build_tree(self) -> None:
        tree = self.place / "tree"
        for number in range(6):
            directory = tree / f"d{number % 2}"
            directory.mkdir(exist_ok=True)
            (directory / f"a-{number}").write_bytes(self._random.randbytes(1000 + 9000 * (number % 3)))
        (tree / "link").symlink_to("d0/a-0")

    def _grow_tree(self, number: int) -> None:
        (self.place / "tree" / f"b-{number}").write_bytes(self._random.randbytes(20_000))

    def _prepare(self) -> None:
        self._save("nothing")
        self.ok("init", "-e", self.mode, "REPO")
        config = self.case / "repo" / "config"
        config.write_text(re.sub(r"(max_segment_size = )\d+", rf"\g<1>{SMALL_SEGMENTS}", config.read_text()))
        for number, name in enumerate(("one", "two", "three")):
            self._grow_tree(number)
            self.ok("create", "--compression=none", f"--timestamp=2024-01-0{number + 1}T00:00:00", f"REPO::{name}", "TREE")
        if self.mode != "none":
            self.ok("key", "export", "REPO", "PLACE/exported")
        self._grow_tree(9)
        self._save("archives")
        self._save("locked")
        lock = self.place / "states" / "locked" / "repo" / "lock.exclusive"
        lock.mkdir()
        (lock / "elsewhere@1.1-0").touch()
        self._save("no client")
        shutil.rmtree(self.place / "states" / "no client" / "home" / ".cache")
        self._damage()
        self.ok("delete", "REPO::two")
        self._save("loose")

    def _damage(self) -> None:
        """Without an index; and with a file's chunk damaged in addition."""
        for kind in ("index", "hints", "integrity"):
            for file in (self.case / "repo").glob(f"{kind}.*"):
                file.unlink()
        self._copy("no index")
        self._states["no index"] = self._states["archives"]
        content = (self.place / "tree" / "b-1").read_bytes()
        for segment in sorted((self.case / "repo" / "data").glob("*/*")):
            data = bytearray(segment.read_bytes())
            # Encrypted or not: the first large entry is content, which comes before all that describes it.
            if len(data) > len(content):
                data[2000] ^= 1
                segment.write_bytes(data)
                break
        self._copy("damaged")
        self._states["damaged"] = {}
        self.restore("archives")

    def _save(self, state: str) -> None:
        (self.case / "home").mkdir(parents=True, exist_ok=True)
        self._copy(state)
        self._states[state] = self.survey() if state != "nothing" else {}

    def _copy(self, state: str) -> None:
        states = self.place / "states"
        shutil.copytree(self.case, states / state)
        self._counters.touch()
        shutil.copy(self._counters, states / f"{state}.counters")

    def restore(self, state: str) -> None:
        """Everything as it was in that state."""
        for entry in self.case.iterdir():
            shutil.rmtree(entry)
        shutil.copytree(self.place / "states" / state, self.case, dirs_exist_ok=True)
        # A repository of long ago knows nothing of what came since.
        shutil.copy(self.place / "states" / f"{state}.counters", self._counters)

    # -- programs ------------------------------------------------------------------------------------------------------

    def _environment(self, far: bool = False) -> dict[str, str]:
        environment = {
            **client_environment(self.case / "home"),
            "BORG_HOST_ID": HOST,
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }
        return {**environment, "BORG_RSH": self._shell} if far else environment

    def _filled(self, words: list[str], far: bool) -> list[str]:
        repository = url(self.case / "repo") if far else str(self.case / "repo")
        values = {"REPO": repository, "TREE": "tree", "PLACE": str(self.place), "MODE": self.mode}
        return [re.sub("REPO|TREE|PLACE|MODE", lambda found: values[found.group()], word) for word in words]

    def run(self, *words: str, far: bool = False, **environment: str) -> Completed:
        """Our program."""
        everything = {**self._environment(far), **environment, COUNTERS: str(self._counters)}
        done = self._ours.run(self._filled(list(words), far), stdin=b"", cwd=self.place, environment=everything)
        if BUG.search(done.stderr):
            raise Broken(f"a bug showed\n{done}")
        if done.code == SIGALRM:
            raise Hung(f"it hung\n{done}")
        return done

    def ok(self, *words: str, codes: tuple[int, ...] = (0,), far: bool = False, **environment: str) -> Completed:
        done = self.run(*words, far=far, **environment)
        if done.code not in codes:
            raise Broken(f"exit code {done.code}\n{done}")
        return done

    def survey(self, *before: str, codes: tuple[int, ...] = (0,), **environment: str) -> Archives:
        """What is there, after some other commands."""
        done = self.ok(*before, "survey", "REPO", "PLACE/surveyed", codes=codes, **environment)
        found: Archives = json.loads(done.out.splitlines()[-1])
        return found

    def after(self, scenario: Scenario) -> Archives:
        """What is there when nothing went wrong."""
        if scenario.name not in self._afters:
            self.restore(scenario.state)
            self.ok(*scenario.words, codes=(0, 1), **dict(scenario.environment))
            self._afters[scenario.name] = self.survey(**self._passphrase(scenario, changed=True))
        return self._afters[scenario.name]

    # -- strikes -------------------------------------------------------------------------------------------------------

    def order(self, kind: str, at: int, seed: int = 0, after_s: float = 0) -> Order:
        return Order(kind, at, str(self.case), str(self.place / "report"), seed, after_s)

    def count(self, scenario: Scenario, place: str) -> int:
        """How many calls it takes."""
        return self._carry_out(scenario, place, self.order("nothing", 0))[1].count

    def pages(self, scenario: Scenario) -> int:
        """How many pages a disk needs for it; what is deleted meanwhile counts, too."""
        self.restore(scenario.state)
        low, high = 0, MOST_PAGES
        while low < high:
            middle = (low + high) // 2
            done, outcome = self._carry_out(scenario, "local", self.order(FULL, middle))
            fits = done.code in (0, 1) and not outcome.struck
            low, high = (low, middle) if fits else (middle + 1, high)
        return low

    def strike_somehow(self, scenario: Scenario, place: str, kind: str, at: int, seed: int) -> Outcome:
        """A strike of that kind; a kill at any moment comes earlier and earlier until it is early enough."""
        if kind != "later":
            return self.strike(scenario, place, self.order(kind, at, seed * 1_000_003 + 2 * at + len(kind)))
        if (scenario.name, place) not in self._durations_s:
            started = time.monotonic()
            self._carry_out(scenario, place, self.order("nothing", 0))
            self._durations_s[scenario.name, place] = time.monotonic() - started
        longest_s = self._durations_s[scenario.name, place]
        for _ in range(8):
            outcome = self.strike(scenario, place, self.order(kind, at, seed, self._random.uniform(0, longest_s)))
            if outcome.struck:
                return outcome
            longest_s /= 1.5
        return outcome

    def strike(self, scenario: Scenario, place: str, order: Order) -> Outcome:
        """Does it, and looks at everything. Broken."""
        self.after(scenario)
        done, outcome = self._carry_out(scenario, place, order)
        try:
            self._judge(place, order, done, outcome)
            borg_checked = self._look(scenario, place, order, done)
            self._look_at_counters(scenario)
        except Broken as error:
            raise type(error)(
                f"{scenario} ({self.mode}, {place}) {order}: {outcome}\n{error}\n--- the command\n{done}"
            ) from None
        self.strikes += bool(outcome.struck)
        self.borg_checks += borg_checked
        return outcome._replace(borg_checked=borg_checked)

    def _carry_out(self, scenario: Scenario, place: str, order: Order) -> tuple[Completed, Outcome]:
        self.restore(scenario.state)
        report = Path(order.report)
        report.unlink(missing_ok=True)
        variable = SERVER if place == "server" else CLIENT
        told = order._replace(kind="nothing") if order.kind == FULL else order  # which the system sees to
        environment = {**dict(scenario.environment), variable: str(told)}
        if order.kind == FULL:
            self._shrink(order.at)
        done = self.run(*scenario.words, far=place != "local", **environment)
        if order.kind == FULL:
            self._grow()
        text = report.read_text() if report.exists() else ""
        struck = re.search(r"^struck (.*)$", text, re.MULTILINE)
        ended = re.findall(r"^ended (\d+)$", text, re.MULTILINE)
        if order.kind == "later" and ended and done.code != SIGKILL:
            struck = None  # the kill met somebody who was dying anyway
        if order.kind == FULL and NO_SPACE.search(done.stderr):
            struck = re.search("(.*)", "no space")
        return done, Outcome(struck.group(1) if struck else "", int(ended[-1]) if ended else 0, False)

    def _shrink(self, pages: int) -> None:
        """Leaves room for so many pages on the disk that the case is on."""
        if not self._used():
            ballast = self.case / "ballast" / "file"  # a disk of no size would be one without limits
            ballast.parent.mkdir(exist_ok=True)
            ballast.write_bytes(b"x")
        self._resize(self._used() + pages * PAGE)

    def _used(self) -> int:
        status = os.statvfs(self.case)
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def _grow(self) -> None:
        self._resize(ROOMY)

    def _resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", self.case], check=True)

    def _judge(self, place: str, order: Order, done: Completed, outcome: Outcome) -> None:
        """Whether the program itself behaved."""
        dies = outcome.struck and order.kind in (*ENDS, "later")
        if dies and place != "server":
            allowed: tuple[int, ...] = (SIGKILL,)
        elif outcome.struck and order.kind not in ("delay", "short"):
            allowed = (0, 1, 2)
        else:
            allowed = (0, 1)
        if done.code not in allowed:
            raise Broken(f"it ended with {done.code}")

    def _look(self, scenario: Scenario, place: str, order: Order, done: Completed) -> bool:
        """What the others find; whether Borg was asked first."""
        far = place != "local"
        claims_success = done.code in (0, 1)
        borg_checked = False
        if scenario.state == "nothing":
            self._look_at_new(scenario, far, claims_success)
            return False
        if scenario.state == "damaged":
            self.ok("check", "--repair", "REPO", codes=(0, 1), **dict(scenario.environment))
            self._compare(scenario, self.survey("check", "--verify-data", "REPO", "---", codes=(0, 1)), claims_success=True)
            return self._ask_borg({})
        phrases = self._passphrase(scenario, changed=self._uses_new_passphrase(scenario))
        if claims_success and phrases != self._passphrase(scenario, changed=True):
            raise Broken("the passphrase was not changed")
        if scenario.state == "locked":
            self.ok("break-lock", "REPO", far=far)  # the lock that was to be broken is not one that is known to be stale
        shape = self._shape()
        if shape not in self._shapes:
            self._shapes.add(shape)
            borg_checked = self._ask_borg(phrases)
        if (order.at + order.seed) % 2:
            # Whoever comes next need not be somebody who checks.
            self.ok("create", f"REPO::{NEXT}", "TREE", far=far, **phrases)
            found = self.survey("check", "--verify-data", "REPO", "---", **phrases)
            if found.pop(NEXT, None) is None:
                raise Broken("the next archive is not there")
            self._compare(scenario, found, claims_success=claims_success)
            return borg_checked
        found = self.survey("check", "--verify-data", "REPO", "---", **phrases)
        self._compare(scenario, found, claims_success=claims_success)
        codes = scenario.finds_nothing if found == self.after(scenario) else (0, 1)
        self.ok(*scenario.words, far=far, codes=codes, **dict(scenario.environment) | phrases)
        phrases = self._passphrase(scenario, changed=True)
        self._compare(scenario, self.survey("check", "REPO", "---", **phrases), claims_success=True)
        return borg_checked

    def _look_at_new(self, scenario: Scenario, far: bool, claims_success: bool) -> None:
        """A repository is there, or the user makes it once more where nothing or half of one is."""
        done = self.run(*scenario.words, far=far)
        if done.code not in (0, 2) or (done.code == 0 and claims_success):
            raise Broken(f"init ended with {done.code} then")
        if done.code == 2 and self.run("list", "REPO").code != 0:
            if claims_success:
                raise Broken("the repository is not usable")
            shutil.rmtree(self.case / "repo")
            self.ok(*scenario.words, far=far)
        if self.survey("create", "REPO::x", "TREE", "---", "check", "REPO", "---").keys() != {"x"}:
            raise Broken("the archive is not there")

    def _compare(self, scenario: Scenario, found: Archives, *, claims_success: bool) -> None:
        before, after = self._states[scenario.state], self.after(scenario)
        if found == after or (found == before and not claims_success):
            return
        if not scenario.is_atomic and not claims_success:
            names = {name for name in found.keys() | before.keys() | after.keys() if ".checkpoint" not in name}
            if all(found.get(name) in (before.get(name), after.get(name)) for name in names):
                return
        raise Broken(f"there is {found}, there was {before}, there was to be {after}")

    def _passphrase(self, scenario: Scenario, *, changed: bool) -> dict[str, str]:
        has_new = changed and ("BORG_NEW_PASSPHRASE", NEW_PASSPHRASE) in scenario.environment
        return {"BORG_PASSPHRASE": NEW_PASSPHRASE} if has_new else {}

    def _uses_new_passphrase(self, scenario: Scenario) -> bool:
        phrases = self._passphrase(scenario, changed=True)
        return bool(phrases) and self.run("list", "REPO", **phrases).code == 0

    def _shape(self) -> str:
        """What is alike for those who open the repository: names and sizes, which times change by a few bytes."""
        repository = self.case / "repo"
        files = []
        for directory, _, names in os.walk(repository):
            for path in (Path(directory, name) for name in names):
                try:
                    size = path.stat().st_size
                except FileNotFoundError:
                    continue  # the server of a client that was killed is just giving back its lock
                files.append((re.sub(r"[0-9a-f]{8}", "*", str(path.relative_to(repository))), size // ROUGHLY))
        files.sort()
        return hashlib.sha256(repr(files).encode()).hexdigest()

    def _ask_borg(self, phrases: dict[str, str]) -> bool:
        """Whether it is content with the repository."""
        environment = {**self._environment(), **phrases}
        # Where much else is going on, a second may be over before Borg has looked twice.
        words = ["check", "--lock-wait=20", "--verify-data", str(self.case / "repo")]
        done = self._borg.run(words, stdin=b"", cwd=self.place, environment=environment)
        if done.code != 0:
            raise (Hung if done.code == SIGALRM else Broken)(f"Borg is not content\n{done}")
        return True

    # -- counters ------------------------------------------------------------------------------------------------------

    def _look_at_counters(self, scenario: Scenario) -> None:
        """Whatever was sealed since the beginning of the case, by whoever, was sealed with counters of its own."""
        if self.mode in ("none", "authenticated"):
            return
        stored = list(counters(self.case / "repo"))
        sealed = self._sealed() if scenario.state != "nothing" else stored  # or there were several keys
        twice = next((twice for twice in (shared(sealed), shared(stored)) if twice is not None), None)
        if twice is not None:
            raise Broken(f"the counters from {twice} on are used twice")
        for first, end in stored:
            if not any(start <= first and end <= stop for start, stop in sealed):
                raise Broken(f"nobody was given the counters from {first} to {end}")

    def _sealed(self) -> list[tuple[int, int]]:
        """First counter, and the one behind the last, of everything that was sealed in this case, stored or not."""
        lines = self._counters.read_text().splitlines() if self._counters.exists() else []
        return [(int(first), int(first) + int(count)) for first, count in map(str.split, lines) if count != "0"]
