"""How often each command waits for the server: as the manual's table says, so that nobody adds a round trip unnoticed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from support.direct_server import url
from support.programs import PROJECT, Program
from support.trees import random_content
from support.waiting_server import WaitingServers

TABLE = PROJECT / "docs" / "reference" / "round-trips.md"
ROW = re.compile(r"^\| `borg ([^`]*)` \| (\d+) \| (\d+) \|$", re.MULTILINE)
MODES = ("none", "repokey")


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


def promised(mode: str) -> list[tuple[str, int]]:
    """The commands of the table in their order, and how often each may wait."""
    return [(command, int(numbers[MODES.index(mode)])) for command, *numbers in ROW.findall(TABLE.read_text())]


def test_commands_wait_as_often_as_the_table_says(
    mode: str, vinculum: Program, waiting: WaitingServers, workplace: Path, tmp_path: Path
) -> None:
    (workplace / "tree").mkdir()
    for number in range(30):
        (workplace / "tree" / f"file-{number}").write_bytes(random_content(number, 20_000))
    program = waiting["vinculum"].used_by(vinculum)
    path = f"{PROJECT / 'src'}:{PROJECT / 'tests'}"
    waits = tmp_path / "waits"
    far = Program(
        "far", [sys.executable, "-m", "support.far_away", str(waits)], {**program.environment, "PYTHONPATH": path}, workplace
    )
    far = far.with_environment(VINCULUM_CONNECTIONS="1", BORG_DELETE_I_KNOW_WHAT_I_AM_DOING="YES")
    repository = url(workplace / "repository")
    counted = []
    for command, _ in promised(mode):
        words = [word.replace("REPO", repository).replace("MODE", mode) for word in command.split()]
        far.run(*words)
        counted.append((command, int(waits.read_text())))
    assert counted == promised(mode)
