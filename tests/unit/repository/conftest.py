"""Fixtures of the repository tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vinculum.platform import identity
from vinculum.repository.repository import Repository


@pytest.fixture(autouse=True)
def own_host_id() -> Iterator[None]:
    """No test may leave its host id to the next."""
    yield
    identity.set_host_id("")


@pytest.fixture
def dead_pid() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty repository."""
    path = tmp_path / "repo"
    Repository.create(str(path))
    return path
