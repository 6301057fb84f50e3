"""One place with a repository and a client, where one thing goes wrong at a time, and everything is looked at then."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

from support.mounts import memory_mounted
from support.programs import Completed
from support.ssh_server import SshServer
from torture.disk import ROOMY_BYTES, Disk
from torture.judge import SIGKILL, SUCCESS, Judge
from torture.programs import Broken, Programs
from torture.scenarios import Scenario
from torture.states import States
from torture.strikes import Order

FULL, MOST_PAGES = "full", 400
NO_SPACE = re.compile(rb"(No space left|not enough free space|Insufficient)", re.IGNORECASE)


class Outcome(NamedTuple):
    """What one strike did."""

    struck: str
    """The call, empty if the program came to its end before."""
    count: int
    """How many calls there were, if it did."""
    borg_checked: bool = False


class Trials:
    """Confined to one thread; see `trials_in`."""

    def __init__(self, programs: Programs, states: States, disk: Disk, judge: Judge, seed: int) -> None:
        self._programs = programs
        self.states = states
        self._disk = disk
        self._judge = judge
        self._random = random.Random(seed)
        self._report = programs.place / "report"
        self._durations_s: dict[tuple[str, str], float] = {}

    def order(self, kind: str, at: int, seed: int = 0, after_s: float = 0) -> Order:
        return Order(kind, at, str(self._disk.root), str(self._report), seed, after_s)

    def count(self, scenario: Scenario, place: str) -> int:
        """How many calls it takes."""
        return self._carry_out(scenario, place, self.order("nothing", 0))[1].count

    def pages(self, scenario: Scenario) -> int:
        """How many pages a disk needs for it; what is deleted meanwhile counts, too."""
        low, high = 0, MOST_PAGES
        while low < high:
            middle = (low + high) // 2
            done, outcome = self._carry_out(scenario, "local", self.order(FULL, middle))
            fits = done.code in SUCCESS and not outcome.struck
            low, high = (low, middle) if fits else (middle + 1, high)
        return low

    def strike_somehow(self, scenario: Scenario, place: str, kind: str, at: int, seed: int) -> Outcome:
        """A strike of that kind; a kill at any moment comes earlier and earlier until it is early enough."""
        if kind != "later":
            return self.strike(scenario, place, self.order(kind, at, seed * 1_000_003 + 2 * at + len(kind)))
        longest_s = self._duration_s(scenario, place)
        for _ in range(8):
            outcome = self.strike(scenario, place, self.order(kind, at, seed, self._random.uniform(0, longest_s)))
            if outcome.struck:
                return outcome
            longest_s /= 1.5
        return outcome

    def strike(self, scenario: Scenario, place: str, order: Order) -> Outcome:
        """Does it, and looks at everything. Broken."""
        self.states.after(scenario)
        done, outcome = self._carry_out(scenario, place, order)
        try:
            borg_checked = self._judge.judge(scenario, place, order, done, struck=bool(outcome.struck))
        except Broken as error:
            raise type(error)(
                f"{scenario} ({self._programs.mode}, {place}) {order}: {outcome}\n{error}\n--- the command\n{done}"
            ) from None
        return outcome._replace(borg_checked=borg_checked)

    def _duration_s(self, scenario: Scenario, place: str) -> float:
        if (scenario.name, place) not in self._durations_s:
            started = time.monotonic()
            self._carry_out(scenario, place, self.order("nothing", 0))
            self._durations_s[scenario.name, place] = time.monotonic() - started
        return self._durations_s[scenario.name, place]

    def _carry_out(self, scenario: Scenario, place: str, order: Order) -> tuple[Completed, Outcome]:
        self.states.restore(scenario.state)
        self._report.unlink(missing_ok=True)
        is_full = order.kind == FULL
        told = order._replace(kind="nothing") if is_full else order  # which the system sees to
        with self._disk.with_room_for(order.at) if is_full else nullcontext():
            done = self._programs.run_struck(place, told, scenario.words, dict(scenario.environment))
        text = self._report.read_text() if self._report.exists() else ""
        found = re.search(r"^struck (.*)$", text, re.MULTILINE)
        struck = found[1] if found else ""
        ended = re.findall(r"^ended (\d+)$", text, re.MULTILINE)
        if order.kind == "later" and ended and done.code != SIGKILL:
            struck = ""  # the kill met somebody who was dying anyway
        if is_full and NO_SPACE.search(done.stderr):
            struck = "no space"
        return done, Outcome(struck, int(ended[-1]) if ended else 0)


@contextmanager
def trials_in(
    place: Path, mode: str, *, seed: int = 0, shapes: set[str] | None = None, ssh: SshServer | None = None
) -> Iterator[Trials]:
    """Trials in a directory that should be in memory, for as long as a block lasts.

    `shapes` are those of repositories that Borg has seen in this mode; see `Programs` for `ssh`.
    """
    with (
        memory_mounted(place / "disk", ROOMY_BYTES) as root,
        closing(Programs(place, root, mode, ssh)) as programs,
    ):
        states = States(programs, seed)
        judge = Judge(programs, states, set() if shapes is None else shapes)
        yield Trials(programs, states, Disk(root), judge, seed)
