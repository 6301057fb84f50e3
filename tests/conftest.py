"""Fixtures that every test may use: places of its own, our program, the real Borgs, golden repositories.

Nothing is skipped: what is missing on a machine fails with the command that provides it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from support import golden as golden_repositories
from support.far import FarProgram
from support.fork_servers import Servers
from support.inode_flags import release
from support.mounts import memory_mounted
from support.programs import Program, client_environment, oracle_path, oracle_program, vinculum_program
from support.ssh_server import SshServer
from support.waiting_server import BehindSsh, WaitingServer, WaitingServers

# Long forms: what other people's programs do with ours, and what came of `make dist`.
collect_ignore = [] if os.environ.get("VINCULUM_FRONTENDS") else ["compat/test_borgmatic.py", "compat/test_vorta.py"]
collect_ignore += [] if os.environ.get("VINCULUM_DIST") else ["dist"]
FAR = os.environ.get("VINCULUM_FAR", "")

# How long an example takes says more about what else the machine does.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests counted, see `record_property`."""
    counted: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        counted.update(dict(report.user_properties))
    for what, number in counted.items():
        terminalreporter.write_line(f"{number} {what}")


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Path]:
    """A directory of the test's own, in which immutable files may be left behind."""
    place = tmp_path / "workplace"
    place.mkdir()
    yield place
    release(place)


@pytest.fixture
def small_place(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system of the given size."""
    with ExitStack() as mounts:
        yield lambda size: mounts.enter_context(memory_mounted(tmp_path / "small", size))


@pytest.fixture
def client_home(tmp_path: Path) -> Path:
    """Where the client's configuration, keys, cache and security files of this test are; shared by all programs it runs."""
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Gives this very process the environment of some client, for tests that call vinculum in-process."""

    def set_all(environment: dict[str, str]) -> None:
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)

    return set_all


@pytest.fixture
def client_env(client_home: Path, become: Callable[[dict[str, str]], None]) -> dict[str, str]:
    """The environment of programs, set for this process too."""
    environment = client_environment(client_home)
    become(environment)
    return environment


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that are `also_far` meet their repositories here and on another machine, those that `can_be_far` if asked for."""
    marked = {mark.name for mark in metafunc.definition.iter_markers()}
    fixture = next((name for name in ("twins", "vinculum") if name in metafunc.fixturenames), None)
    if fixture is None or "near_only" in marked:
        return
    if "also_far" in marked or (FAR and "can_be_far" in marked):
        metafunc.parametrize(fixture, ["near", "far"], indirect=True)


@pytest.fixture(scope="session")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WaitingServers]:
    """Servers of all programs, "vinculum", "1.4.5" and "1.2.4"."""
    servers = WaitingServers(tmp_path_factory.mktemp("waiting"))
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def far_server(request: pytest.FixtureRequest, waiting: WaitingServers) -> WaitingServer:
    """Our server, for the repositories of tests that do not know of it."""
    return _as_far_as_wanted(waiting["vinculum"], request)


@pytest.fixture(scope="session")
def far_borg(request: pytest.FixtureRequest, waiting: WaitingServers) -> WaitingServer:
    """The same of Borg 1.4.5."""
    return _as_far_as_wanted(waiting["1.4.5"], request)


def _as_far_as_wanted(server: WaitingServer, request: pytest.FixtureRequest) -> WaitingServer:
    if FAR != "ssh":
        return server
    place = request.getfixturevalue("tmp_path_factory").mktemp("far")
    return BehindSsh(server, request.getfixturevalue("ssh_server"), place)


@pytest.fixture
def vinculum(request: pytest.FixtureRequest, client_home: Path, workplace: Path) -> Program:
    """Our program as users run it."""
    program = vinculum_program(client_home, workplace)
    if getattr(request, "param", "near") == "near":
        return program
    return FarProgram.of(program, request.getfixturevalue("far_server"))


@pytest.fixture
def oracle(request: pytest.FixtureRequest, client_home: Path, workplace: Path) -> Callable[[str], Program]:
    """The real Borg of a version, with the same home as `vinculum`, and with the repository at hand."""

    def make(version: str) -> Program:
        program = oracle_program(version, client_home, workplace)
        if "vinculum" in request.fixturenames and isinstance(request.getfixturevalue("vinculum"), FarProgram):
            return program.with_environment(BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")
        return program

    return make


@pytest.fixture
def borg145(oracle: Callable[[str], Program]) -> Program:
    """Borg 1.4.5."""
    return oracle("1.4.5")


@pytest.fixture
def borg124(oracle: Callable[[str], Program]) -> Program:
    """Borg 1.2.4."""
    return oracle("1.2.4")


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """A real sshd."""
    server = SshServer(tmp_path_factory.mktemp("ssh") / "server")
    yield server
    server.close()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """All programs imported and waiting, for tests that run hundreds of command lines."""
    servers = Servers(tmp_path_factory.mktemp("servers"))
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def borg145_python() -> Path:
    """A Python interpreter that can import Borg 1.4.5, to ask its modules directly."""
    return oracle_path("1.4.5", "python3")


@pytest.fixture
def golden(tmp_path: Path) -> Callable[[str], golden_repositories.GoldenRepository]:
    """Unpacks a golden repository by name."""
    return lambda name: golden_repositories.unpack(name, tmp_path / "golden")


@pytest.fixture
def golden_client(
    golden: Callable[[str], golden_repositories.GoldenRepository], become: Callable[[dict[str, str]], None]
) -> Callable[[str], golden_repositories.GoldenRepository]:
    """The same, and makes this process a client that may open it."""

    def make(name: str) -> golden_repositories.GoldenRepository:
        repository = golden(name)
        become(repository.environment)
        return repository

    return make
