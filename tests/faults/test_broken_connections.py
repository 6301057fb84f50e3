"""The connection breaks after some message: a clear error, no lock left on either side, and the next try succeeds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.archives import cache_directory
from support.compare import assert_restored
from support.direct_server import DirectServer
from support.programs import PROJECT, Program
from support.repositories import locks
from support.trees import build_plain

BREAKING_SHELL = PROJECT / "tests" / "support" / "breaking_shell.py"
CLOSED = 80
CLOSED_WITH_HINT = 81
LAST = 60  # the message of a backup of 50 files that is a commit


@pytest.fixture
def client(vinculum: Program, borg145: Program, tmp_path: Path) -> Program:
    """With Borg as the server."""
    return DirectServer(borg145, tmp_path / "server").used_by(vinculum).with_environment(BORG_REMOTE_PATH=borg145.call[0])


@pytest.fixture
def url(workplace: Path) -> str:
    return f"ssh://host{workplace}/repository"


def break_after(messages: int, client: Program, broken: Path) -> Program:
    """The client over a connection that ends after so many of its messages."""
    broken.unlink(missing_ok=True)
    return client.with_environment(
        BORG_RSH=f"{sys.executable} {BREAKING_SHELL} {messages}",
        VINCULUM_TEST_BROKEN=str(broken),
        PYTHONPATH=str(PROJECT / "src"),
        BORG_EXIT_CODES="modern",
    )


def assert_clean_failure(client: Program, *command: str, messages: int, workplace: Path, home: Path) -> None:
    """It fails because of the connection, and no lock is left."""
    broken = workplace / "broken"
    done = break_after(messages, client, broken).run(*command, code=None)
    assert broken.exists(), done
    assert done.code == (CLOSED_WITH_HINT if messages == 1 else CLOSED), done
    assert "Connection closed by remote host" in done.err
    assert "Traceback" not in done.err
    assert locks(workplace / "repository") == []
    assert locks(cache_directory(home)) == []


# What a backup says: negotiate, open, manifest, key, free counter, reservation, objects, manifest, commit.
@pytest.mark.parametrize("messages", [1, 2, 6, 30, 59, LAST])
def test_a_backup_is_begun_anew(
    messages: int, client: Program, borg145: Program, workplace: Path, client_home: Path, url: str
) -> None:
    build_plain(workplace / "tree", files=50)
    client.run("init", "-e", "repokey", url)
    client.run("info", url)  # so that there is a cache
    assert_clean_failure(client, "create", f"{url}::archive", "tree", messages=messages, workplace=workplace, home=client_home)
    if messages < LAST:
        assert client.run("list", "--short", url).out == ""
        client.run("create", f"{url}::archive", "tree")
    assert client.run("list", "--short", url).out == "archive\n"
    borg145.run("check", "--verify-data", workplace / "repository", BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")


@pytest.mark.parametrize("messages", [4, 20])
def test_a_restore_is_begun_anew(messages: int, client: Program, workplace: Path, client_home: Path, url: str) -> None:
    build_plain(workplace / "tree", files=50)
    client.run("init", "-e", "repokey", url)
    client.run("create", f"{url}::archive", "tree")
    place = workplace / "restored"
    place.mkdir()
    assert_clean_failure(
        client.inside(place), "extract", f"{url}::archive", messages=messages, workplace=workplace, home=client_home
    )
    client.inside(place).run("extract", f"{url}::archive")
    assert_restored(workplace / "tree", place / "tree")
