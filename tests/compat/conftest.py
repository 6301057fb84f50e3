"""The two real Borgs as one fixture: every test that uses `real` runs with each of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.fork_servers import Servers
from support.programs import Program
from support.twins import Twins


@pytest.fixture(params=["1.4.5", "1.2.4"])
def real(request: pytest.FixtureRequest, oracle: Callable[[str], Program]) -> Program:
    """Borg 1.4.5, then Borg 1.2.4."""
    return oracle(request.param)


@pytest.fixture
def twins(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path, workplace: Path) -> Twins:
    """Two copies of an empty repository, one for Borg and one for us; both programs start in `workplace`."""
    shells = None
    if getattr(request, "param", "near") == "far":
        servers_there = request.getfixturevalue("far_borg"), request.getfixturevalue("far_server")
        shells = {name: server.rsh() for name, server in zip(("theirs", "ours"), servers_there, strict=True)}
    twins = Twins(servers, tmp_path / "twins", workplace, shells)
    twins.init()
    return twins
