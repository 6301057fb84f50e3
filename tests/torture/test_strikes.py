"""A slice of `make torture`: of every writing command a few calls fail, the power goes, the disk fills, somebody kills it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from torture.programs import Broken
from torture.scenarios import MODES, SCENARIOS, Scenario
from torture.trials import FULL, Trials, trials_in

IN_MEMORY = Path("/dev/shm")
KINDS = {"local": ("kill", "power", "EIO", FULL, "later"), "client": ("kill",), "server": ("power", "ENOSPC")}


@pytest.fixture(scope="module")
def trials(worker_id: str) -> Iterator[Trials]:
    """One place for all tests of this process; each process has its own mode of encryption."""
    with (
        tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as place,
        trials_in(Path(place), MODES[crc32(worker_id.encode()) % 4]) as trials,
    ):
        yield trials


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_whatever_happens_costs_nothing(trials: Trials, scenario: Scenario) -> None:
    for place in scenario.places:
        calls = trials.count(scenario, place)
        for number, kind in enumerate(KINDS[place]):
            # Anywhere, but always in the same place.
            at = crc32(f"{scenario}{place}{kind}".encode()) % (calls or 1)
            struck = trials.strike_somehow(scenario, place, kind, at if kind != FULL else number, seed=number).struck
            assert struck or kind in ("later", FULL) or not calls, f"{kind} {at} did not happen"


def test_a_strike_that_costs_something_is_seen(trials: Trials) -> None:
    """Nothing would be worse than a look that is content with everything."""
    scenario = Scenario("lie", ["delete", "REPO::three"])
    trials.states.after(scenario)
    lying = scenario._replace(words=["delete", "REPO::two"])
    with pytest.raises(Broken, match="there was to be"):
        trials.strike(lying, "local", trials.order("delay", 0))
