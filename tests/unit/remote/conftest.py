"""Fixtures of the server's tests. A server changes the working directory; it is ours again after each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vinculum.events import NullSink
from vinculum.remote.access import Doorkeeper, Restrictions
from vinculum.remote.server import Policy, Server


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that servers are started in."""
    monkeypatch.setenv("BORG_BASE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def new_server(place: Path) -> Callable[..., Server]:  # noqa: ARG001
    """Makes a server with restrictions: (allowed path, append_only, storage_quota)."""

    def make(paths: tuple[str, ...] = (), *, append_only: bool = False, storage_quota: int | None = None) -> Server:
        doorkeeper = Doorkeeper(Restrictions(paths))
        policy = Policy(doorkeeper, append_only=append_only, storage_quota=storage_quota)
        return Server(policy, NullSink(), speak_json=lambda: None, facts=lambda: "facts")

    return make


@pytest.fixture
def server(new_server: Callable[..., Server]) -> Server:
    """A server that allows everything."""
    return new_server()
