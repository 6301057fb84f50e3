"""`config`, `break-lock` and `with-lock` do what Borg 1.4.5 does: same output and exit codes, same config files afterwards."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.programs import Program
from support.twins import Twins

pytestmark = pytest.mark.can_be_far

# -- config --------------------------------------------------------------------------------------------------------------

CONFIG_CALLS = [
    "config REPO",
    "config -d REPO",
    "config -l REPO",
    "config -l REPO ignored",
    "config REPO additional_free_space",
    "config REPO repository.VERSION",
    "config REPO last_segment_checked",
    "config REPO nonsense",
    "config REPO other.nonsense",
    "config REPO a.b.c",
    "config REPO key",
    "config -d REPO last_segment_checked",
    "--bypass-lock config REPO version",
    "config -c REPO previous_location",
    "config -c REPO repository",
    "config -c REPO integrity.manifest",
    "config -c REPO repository.version",
    "config -c -l REPO",
    "config -c REPO",
]


@pytest.mark.near_only
@pytest.mark.parametrize("call", CONFIG_CALLS)
def test_config_shows_the_same(call: str, twins: Twins) -> None:
    twins.same(*call.split())


@pytest.mark.near_only
@pytest.mark.parametrize(
    "changes",
    [
        ["REPO additional_free_space 2G"],
        ["REPO additional_free_space 2G", "REPO additional_free_space 0"],
        ["REPO repository.storage_quota 1.5T", "REPO append_only 1"],
        ["-d REPO append_only", "-d REPO storage_quota", "-d REPO additional_free_space"],
        ["REPO max_segment_size 100M", "REPO segments_per_dir 10", "REPO last_segment_checked 4"],
        ["REPO last_segment_checked 4", "-d REPO last_segment_checked"],
        ["REPO id " + "Ab" * 32],
        ["--bypass-lock REPO append_only 1"],
    ],
)
def test_config_changes_the_same(changes: list[str], twins: Twins) -> None:
    for change in changes:
        twins.same("config", *change.split(), code=0)
        twins.same("config", "-l", "REPO", code=0)
    ours, theirs = ((twins.repository(name) / "config").read_text() for name in ("ours", "theirs"))
    assert ours == theirs


@pytest.mark.near_only
@pytest.mark.parametrize(
    "change",
    [
        "additional_free_space 9M",
        "additional_free_space much",
        "storage_quota 1",
        "max_segment_size 5G",
        "append_only yes",
        "segments_per_dir many",
        "id 33",
        "version 1",
        "key none",
        "other.append_only 1",
        "a.b.c 1",
    ],
)
def test_config_refuses_the_same(change: str, twins: Twins) -> None:
    before = (twins.repository("ours") / "config").read_text()
    for done in twins.both("config", "REPO", *change.split()):
        assert done.code == 2  # Borg's is a traceback
    assert (twins.repository("ours") / "config").read_text() == before


@pytest.mark.near_only
@pytest.mark.parametrize(
    "change", [["-d", "REPO", "id"], ["-d", "REPO", "segments_per_dir"], ["REPO", "segments_per_dir", "0"]]
)
def test_config_does_not_make_a_repository_unusable(change: list[str], twins: Twins) -> None:
    done = twins.run("ours", "config", *change)
    assert done.code == 2
    assert "Command Error" in done.err
    assert twins.run("ours", "list", "REPO").code == 0


@pytest.mark.near_only
def test_config_of_the_cache_is_changed_alike(twins: Twins) -> None:
    files = [next((twins.repository(name).parent / "home" / ".cache" / "borg").glob("*/config")) for name in ("ours", "theirs")]
    for change in (["REPO", "previous_location", "/elsewhere"], ["-d", "REPO", "cache.previous_location"]):
        twins.same("config", "-c", *change, code=0, BORG_RELOCATED_REPO_ACCESS_IS_OK="yes", only="code stdout")
        ours, theirs = (
            path.read_text().replace(str(twins.repository(name)), "")
            for path, name in zip(files, ("ours", "theirs"), strict=True)
        )
        assert ours == theirs
    for done in twins.both("config", "-c", "REPO", "timestamp", "now"):
        assert done.code == 2


# -- with-lock -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["true"],
        ["sh", "-c", "exit 1"],
        ["sh", "-c", "exit 7"],
        ["sh", "-c", "exit 200"],
        ["/does/not/exist"],
        ["--", "echo", "-n", "--info", "text"],
        ["echo", "--info", "-v", "--help"],
        ["sh", "-c", "ls -d $0/lock.exclusive; echo $BORG_PASSPHRASE,$BORG_VERSION", "REPO"],
        ["cat"],
    ],
)
def test_with_lock_runs_the_same(command: list[str], twins: Twins) -> None:
    twins.same("--show-rc", "with-lock", "REPO", *command, stdin=b"some input")
    assert not list(twins.repository("ours").glob("lock.*"))


@pytest.mark.also_far
def test_with_lock_reports_the_end_by_a_signal(twins: Twins) -> None:
    for done in twins.both("with-lock", "REPO", "sh", "-c", "kill -9 $$"):
        assert done.code == 2
        assert done.err.startswith("Command Error: Error while trying to run 'sh': ")


@pytest.mark.parametrize(
    "call", ["with-lock", "with-lock REPO", "with-lock nowhere::archive true", "--bypass-lock with-lock REPO true"]
)
def test_with_lock_complains_alike(call: str, twins: Twins) -> None:
    theirs, ours = twins.both(*call.split())
    assert (ours.code, ours.err.splitlines()[-1]) == (theirs.code, theirs.err.splitlines()[-1])


def test_with_lock_keeps_real_borg_out(vinculum: Program, borg145: Program, workplace: Path) -> None:
    vinculum.run("init", "-e", "none", "repository")
    inner = borg145.with_environment()
    script = f"{inner.call[0]} create --lock-wait 0 repository::inside . ; test $? = 2"
    done = vinculum.run("with-lock", "repository", "sh", "-c", script, BORG_PASSPHRASE="")
    assert "Failed to create/acquire the lock" in done.err
    borg145.run("create", "repository::after", workplace / "repository" / "README")


# -- break-lock ----------------------------------------------------------------------------------------------------------


@pytest.mark.also_far
def test_break_lock_removes_what_others_hold(twins: Twins) -> None:
    for name in ("ours", "theirs"):
        repository = twins.repository(name)
        id = next(line.removeprefix("id = ") for line in (repository / "config").read_text().splitlines() if line[:2] == "id")
        cache = repository.parent / "home" / ".cache" / "borg" / id
        for directory in (repository, cache):
            (directory / "lock.exclusive").mkdir()
            (directory / "lock.exclusive" / "elsewhere.5-0").touch()
        (repository / "lock.roster").write_text(json.dumps({"shared": [["elsewhere", 4, 0]]}))
    twins.same("list", "REPO", code=2, only="code")
    twins.same("break-lock", "--info", "REPO", code=0)
    for name in ("ours", "theirs"):
        assert not list(twins.repository(name).parent.rglob("lock.*"))
    twins.same("break-lock", "REPO", code=0)
    twins.same("create", "REPO::archive", "/dev/null", code=0)


@pytest.mark.parametrize("call", ["break-lock nowhere::archive", "--bypass-lock break-lock REPO", "break-lock none"])
def test_break_lock_complains_alike(call: str, twins: Twins) -> None:
    theirs, ours = twins.both(*call.split())
    assert (ours.code, ours.err.splitlines()[-1]) == (theirs.code, theirs.err.splitlines()[-1])


def test_break_lock_frees_a_repository_that_real_borg_holds(vinculum: Program, borg145: Program) -> None:
    vinculum.run("init", "-e", "none", "repository")
    holder = borg145.start("with-lock", "repository", "sh", "-c", "echo locked; sleep 60")
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        vinculum.run("list", "--lock-wait", "0", "repository", code=2)
        vinculum.run("break-lock", "repository")
        vinculum.run("list", "--lock-wait", "0", "repository")
    finally:
        subprocess.run(["kill", "--", f"-{holder.pid}"], check=True)
        holder.communicate()
