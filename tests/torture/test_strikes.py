"""A slice of `make torture`: of every writing command a few calls fail, the power goes, the disk fills, somebody kills it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from torture.scenarios import MODES, SCENARIOS, Scenario
from torture.stage import FULL, ROOMY, Broken, Stage

IN_MEMORY = Path("/dev/shm")
KINDS = {"local": ("kill", "power", "EIO", FULL, "later"), "client": ("kill",), "server": ("power", "ENOSPC")}


@pytest.fixture(scope="module")
def stage(worker_id: str) -> Iterator[Stage]:
    """One for all tests of this process; each process has its own mode of encryption."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as place:
        disk = Path(place, "disk")
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOMY}", "none", disk], check=True)
        stage = Stage(Path(place), MODES[crc32(worker_id.encode()) % 4], disk=disk)
        yield stage
        stage.close()
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_whatever_happens_costs_nothing(stage: Stage, scenario: Scenario) -> None:
    for place in scenario.places:
        calls = stage.count(scenario, place)
        for number, kind in enumerate(KINDS[place]):
            # Anywhere, but always in the same place.
            at = crc32(f"{scenario}{place}{kind}".encode()) % (calls or 1)
            struck = stage.strike_somehow(scenario, place, kind, at if kind != FULL else number, seed=number).struck
            assert struck or kind in ("later", FULL) or not calls, f"{kind} {at} did not happen"


def test_a_strike_that_costs_something_is_seen(stage: Stage) -> None:
    """Nothing would be worse than a look that is content with everything."""
    scenario = Scenario("lie", ["delete", "REPO::three"])
    stage.after(scenario)
    lying = scenario._replace(words=["delete", "REPO::two"])
    with pytest.raises(Broken, match="there was to be"):
        stage.strike(lying, "local", stage.order("delay", 0))
