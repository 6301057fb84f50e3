"""A round: everything that can be struck, once. What is in it, and what of it is left.

Which command has which mode of encryption depends on the number of the round alone, so that any number of runs and workers can
share one.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Container, Iterator

from torture.journal import Journal, Plan, Task
from torture.scenarios import MODES, PLACES, SCENARIOS
from torture.trials import FULL

FAULTS = ("kill", "EIO", "ENOSPC", "short", "delay")
RARE = {"short": 3, "delay": 12}
"""Of harmless faults only every so many."""
EVERYTHING = [(scenario, place) for scenario in SCENARIOS for place in scenario.places]
KILLS = 2300 // len(EVERYTHING) + 1
"""From outside, for each of these in each round."""


def commands(number: int, mode: str, places: Container[str] = PLACES) -> list[tuple[str, str]]:
    """(scenario, place) of what has this mode in that round: each has one, and another one in the next round."""
    return [
        (scenario.name, place)
        for at, scenario in enumerate(SCENARIOS)
        for step, place in enumerate(scenario.places)
        if scenario.modes[(at + 2 * step + number) % len(scenario.modes)] == mode and place in places
    ]


def strikes(plan: Plan) -> Iterator[Task]:
    """All that is to be struck in a command."""

    def each(kind: str, places: range) -> Iterator[Task]:
        return (Task(plan.round, plan.scenario, plan.place, plan.mode, kind, at) for at in places)

    for kind in FAULTS:
        yield from each(kind, range(0, plan.calls, RARE.get(kind, 1)))
    # Behind the last call nothing may be lost any more.
    yield from each("power", range(plan.calls + 2))
    yield from each("later", range(KILLS))
    yield from each(FULL, range(plan.pages))


class Round:
    """What is left of one round. Thread-safe."""

    def __init__(self, number: int, journal: Journal, places: Container[str] = PLACES) -> None:
        self.number = number
        self._journal = journal
        self._lock = threading.Lock()
        self._left: dict[str, list[Task]] = {mode: [] for mode in MODES}
        self._unplanned = {mode: commands(number, mode, places) for mode in MODES}
        self._workers = Counter[str]()
        self._planning = set[str]()
        for plan in journal.plans:
            if plan.round == number and (plan.scenario, plan.place) in self._unplanned[plan.mode]:
                self._add(plan)

    def add(self, plan: Plan) -> None:
        """What there is to strike in a command has become known."""
        self._journal.note_plan(plan)
        with self._lock:
            self._add(plan)

    def _add(self, plan: Plan) -> None:
        self._unplanned[plan.mode].remove((plan.scenario, plan.place))
        left = self._left[plan.mode]
        left += (task for task in strikes(plan) if not self._journal.is_done(task))
        # So that a run that ends early has struck a little of everything.
        random.Random(len(left)).shuffle(left)

    def choose(self) -> tuple[str, list[tuple[str, str]]] | None:
        """The mode for somebody's next stint, and the commands that are to be planned first; None if nothing is left."""
        with self._lock:
            able = [mode for mode in MODES if mode not in self._planning and (self._unplanned[mode] or self._left[mode])]
            if not able:
                return None
            mode = max(able, key=self._need)
            self._workers[mode] += 1
            if self._unplanned[mode]:
                self._planning.add(mode)
            return mode, list(self._unplanned[mode])

    def _need(self, mode: str) -> tuple[int, float]:
        """How badly another worker is needed there."""
        return len(self._unplanned[mode]), len(self._left[mode]) / (1 + self._workers[mode])

    def planned(self, mode: str) -> None:
        """Others may join in that mode."""
        with self._lock:
            self._planning.discard(mode)

    def give_back(self, mode: str) -> None:
        """A stint is over."""
        self.planned(mode)
        with self._lock:
            self._workers[mode] -= 1

    def take(self, mode: str) -> Task | None:
        """What to strike next."""
        with self._lock:
            return self._left[mode].pop() if self._left[mode] else None

    def is_over(self) -> bool:
        """Whether everything was struck, and nobody is still at it."""
        with self._lock:
            return not any(self._workers[mode] or self._left[mode] or self._unplanned[mode] for mode in MODES)
