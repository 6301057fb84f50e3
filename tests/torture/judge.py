"""What has to hold after every strike: the program behaved, nothing is lost or in the way, no AES counter was used twice."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from support.programs import Completed
from support.sealed_counters import counters, shared
from torture.programs import Broken, Programs
from torture.scenarios import Archives, Scenario
from torture.states import States
from torture.strikes import ENDS, Order

SIGKILL = -9
SUCCESS = (0, 1)
NEXT = "next"
ROUGHLY_BYTES = 64


class Judge:
    """Looks at what a struck command left; whatever is not as it should be is Broken."""

    def __init__(self, programs: Programs, states: States, shapes: set[str]) -> None:
        """`shapes` are those of repositories that Borg has seen in this mode; what it sees here is added."""
        self._programs = programs
        self._states = states
        self._shapes = shapes

    def judge(self, scenario: Scenario, place: str, order: Order, done: Completed, *, struck: bool) -> bool:
        """Everything that has to hold; returns whether Borg looked, too."""
        self._judge_end(place, order, done, struck)
        borg_checked = self._look(scenario, place, order, claims_success=done.code in SUCCESS)
        self._look_at_counters(scenario)
        return borg_checked

    def _judge_end(self, place: str, order: Order, done: Completed, struck: bool) -> None:
        """Whether the program itself behaved."""
        dies = struck and order.kind in (*ENDS, "later")
        if dies and place != "server":
            allowed: tuple[int, ...] = (SIGKILL,)
        elif struck and order.kind not in ("delay", "short"):
            allowed = (*SUCCESS, 2)
        else:
            allowed = SUCCESS
        if done.code not in allowed:
            raise Broken(f"it ended with {done.code}")

    # -- what others find --------------------------------------------------------------------------------------------------

    def _look(self, scenario: Scenario, place: str, order: Order, *, claims_success: bool) -> bool:
        far = place != "local"
        if scenario.state == "nothing":
            self._look_at_new(scenario, far, claims_success)
            return False
        if scenario.state == "damaged":
            self._look_at_damaged(scenario)
            return True
        programs = self._programs
        phrases = scenario.new_passphrase if self._opens_with(scenario.new_passphrase) else {}
        if claims_success and phrases != scenario.new_passphrase:
            raise Broken("the passphrase was not changed")
        if scenario.state == "locked":
            programs.ok("break-lock", "REPO", far=far)  # the lock that was to be broken is not one that is known to be stale
        borg_checked = self._ask_borg_once(phrases)
        if (order.at + order.seed) % 2:
            # Whoever comes next need not be somebody who checks.
            programs.ok("create", f"REPO::{NEXT}", "TREE", far=far, **phrases)
            found = programs.survey("check", "--verify-data", "REPO", "---", **phrases)
            if found.pop(NEXT, None) is None:
                raise Broken("the next archive is not there")
            self._compare(scenario, found, claims_success=claims_success)
            return borg_checked
        found = programs.survey("check", "--verify-data", "REPO", "---", **phrases)
        self._compare(scenario, found, claims_success=claims_success)
        codes = scenario.finds_nothing if found == self._states.after(scenario) else SUCCESS
        programs.ok(*scenario.words, far=far, codes=codes, **dict(scenario.environment) | phrases)
        found = programs.survey("check", "REPO", "---", **scenario.new_passphrase)
        self._compare(scenario, found, claims_success=True)
        return borg_checked

    def _look_at_new(self, scenario: Scenario, far: bool, claims_success: bool) -> None:
        """A repository is there, or the user makes it once more where nothing or half of one is."""
        programs = self._programs
        done = programs.run(*scenario.words, far=far)
        if done.code not in (0, 2) or (done.code == 0 and claims_success):
            raise Broken(f"init ended with {done.code} then")
        if done.code == 2 and programs.run("list", "REPO").code != 0:
            if claims_success:
                raise Broken("the repository is not usable")
            shutil.rmtree(programs.repository)
            programs.ok(*scenario.words, far=far)
        if programs.survey("create", "REPO::x", "TREE", "---", "check", "REPO", "---").keys() != {"x"}:
            raise Broken("the archive is not there")

    def _look_at_damaged(self, scenario: Scenario) -> None:
        """Another repair mends what is left to mend."""
        self._programs.ok("check", "--repair", "REPO", codes=SUCCESS, **dict(scenario.environment))
        found = self._programs.survey("check", "--verify-data", "REPO", "---", codes=SUCCESS)
        self._compare(scenario, found, claims_success=True)
        self._programs.ask_borg()

    def _compare(self, scenario: Scenario, found: Archives, *, claims_success: bool) -> None:
        before, after = self._states.before(scenario), self._states.after(scenario)
        if found == after or (found == before and not claims_success):
            return
        if not scenario.is_atomic and not claims_success:
            names = {name for name in found.keys() | before.keys() | after.keys() if ".checkpoint" not in name}
            if all(found.get(name) in (before.get(name), after.get(name)) for name in names):
                return
        raise Broken(f"there is {found}, there was {before}, there was to be {after}")

    def _opens_with(self, phrases: dict[str, str]) -> bool:
        return bool(phrases) and self._programs.run("list", "REPO", **phrases).code == 0

    def _ask_borg_once(self, phrases: dict[str, str]) -> bool:
        """Unless it has seen a repository like that."""
        shape = self._shape()
        if shape in self._shapes:
            return False
        self._shapes.add(shape)
        self._programs.ask_borg(**phrases)
        return True

    def _shape(self) -> str:
        """What is alike for those who open the repository: names and sizes, which times change by a few bytes."""
        repository = self._programs.repository
        files = []
        for directory, _, names in os.walk(repository):
            for path in (Path(directory, name) for name in names):
                try:
                    size = path.stat().st_size
                except FileNotFoundError:
                    continue  # the server of a client that was killed is just giving back its lock
                files.append((re.sub(r"[0-9a-f]{8}", "*", str(path.relative_to(repository))), size // ROUGHLY_BYTES))
        files.sort()
        return hashlib.sha256(repr(files).encode()).hexdigest()

    # -- counters ----------------------------------------------------------------------------------------------------------

    def _look_at_counters(self, scenario: Scenario) -> None:
        """Whatever was sealed since the beginning of the case, by whoever, was sealed with counters of its own."""
        if self._programs.mode in ("none", "authenticated"):
            return
        stored = list(counters(self._programs.repository))
        sealed = self._sealed() if scenario.state != "nothing" else stored  # or there were several keys
        twice = next((twice for twice in (shared(sealed), shared(stored)) if twice is not None), None)
        if twice is not None:
            raise Broken(f"the counters from {twice} on are used twice")
        for first, end in stored:
            if not any(start <= first and end <= stop for start, stop in sealed):
                raise Broken(f"nobody was given the counters from {first} to {end}")

    def _sealed(self) -> list[tuple[int, int]]:
        """First counter, and the one behind the last, of everything that was sealed in this case, stored or not."""
        noted = self._programs.counters
        lines = noted.read_text().splitlines() if noted.exists() else []
        return [(int(first), int(first) + int(count)) for first, count in map(str.split, lines) if count != "0"]
