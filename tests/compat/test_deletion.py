"""`delete` does what Borg 1.4.5 does: output and exit codes, what is left in the repository, what the cache counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.damaged_twins import CONFIRMED
from support.trees import random_content, write_files
from support.twin_states import borg_of_ours, check_ours, state
from support.twins import Twins

pytestmark = pytest.mark.can_be_far

NAMES = ("monday", "tuesday", "tuesday.checkpoint", "wednesday", "thursday", "nightly-1", "nightly-2")
LINES = [
    "REPO::monday",
    "--list --stats REPO::monday tuesday thursday",
    "--list --stats --iec REPO monday missing tuesday",
    "--quick-stats REPO::missing",
    "--list --stats -a nightly-* REPO",
    "--list --stats -P nightly- REPO",
    "--list --stats --last 3 REPO",
    "--list --info --first 2 --sort-by name REPO",
    "--list -a none* REPO",
    "--list --force REPO::monday tuesday",
    "--list --checkpoint-interval 1 --save-space --consider-part-files --stats -a * REPO",
    "--log-json --list --stats REPO::monday missing",
    "--dry-run --list --stats REPO::monday missing",
    "--dry-run --list --quick-stats -a * REPO",
    "--last 3 REPO::monday",
    "-a * REPO monday",
]


@pytest.fixture(autouse=True)
def saved(twins: Twins, workplace: Path) -> Path:
    """Both have the same seven archives, which share much. What this returns brings them back."""
    twins.cwd = workplace
    write_files(workplace, {"tree/shared": random_content("shared", 400_000), "tree/directory/text": b"text\n" * 5000})
    for number, name in enumerate(NAMES):
        write_files(workplace, {f"tree/{name}": random_content(name, 30_000), "tree/twice": random_content(name, 30_000)})
        twins.run("theirs", "create", "--timestamp", f"2024-01-0{number + 1}T12:00:00", f"REPO::{name}", "tree")
    twins.clone()
    return twins.save()


def test_archives(twins: Twins, saved: Path) -> None:
    for line in LINES:
        twins.same("delete", *line.split(), exact="--log-json" not in line)
        assert state("ours", twins) == state("theirs", twins), line
        twins.ask_borg("ours", "check", "REPO")
        assert "ynchroniz" not in twins.ask_borg("ours", "info", "--info", "REPO").err
        twins.clone(saved)


@pytest.mark.also_far
def test_all_archives_one_after_the_other(twins: Twins) -> None:
    for name in NAMES:
        twins.same("delete", "--stats", f"REPO::{name}", code=0, exact=True)
    assert state("ours", twins) == state("theirs", twins)
    check_ours(twins)
    twins.same("delete", "--list", "--first=1", "REPO", code=0, exact=True)
    twins.same("create", "REPO::again", "tree")
    twins.same_archive("again")
    check_ours(twins)


def test_forced_twice_only_the_name_goes(twins: Twins) -> None:
    twins.same("delete", "--force", "--force", "--list", "--dry-run", "--info", "REPO::monday", "missing", exact=True)
    twins.same("delete", "--force", "--force", "REPO::missing", exact=True)
    twins.same("delete", "--force", "--force", "--list", "REPO::monday", "missing", "tuesday", exact=True)
    twins.same("list", "REPO", exact=True)
    repository = twins.repository("ours")
    repairing = borg_of_ours(twins, "1.4.5").with_environment(**CONFIRMED)
    assert "orphaned objects found" in repairing.run("check", "--repair", repository, code=None).err
    check_ours(twins)


def test_damaged_archives(twins: Twins) -> None:
    """A chunk of the item stream is lost: only force deletes the archive."""
    for name in ("theirs", "ours"):
        chunk = twins.dump(name, "monday")["_meta"]["items"][0].removeprefix("\x7f")
        twins.ask_borg(name, "debug", "delete-obj", "REPO", chunk)
    theirs, ours = twins.both("delete", "REPO::monday")
    assert (theirs.code, ours.code) == (2, 2)
    twins.same("list", "REPO", exact=True)
    theirs, ours = twins.both("delete", "--force", "--list", "--stats", "REPO::monday")
    assert (theirs.code, ours.code) == (0, 0)
    assert "borg check --repair" in ours.err
    assert [line for line in ours.err.splitlines() if "data:" in line] == [
        line for line in theirs.err.splitlines() if "data:" in line
    ]
    twins.same("list", "REPO", exact=True)


# -- whole repositories ------------------------------------------------------------------------------------------------


def test_a_repository_stays_unless_the_answer_is_yes(twins: Twins) -> None:
    for answer in ("NO", "", "yes", "n", "maybe"):
        twins.same("delete", "REPO", stdin=f"{answer}\n".encode(), code=2, exact=True)
        twins.same("delete", "REPO", code=2, exact=True, BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=answer)
    twins.same("delete", "--list", "REPO", stdin=b"", code=2, exact=True)
    twins.same("--log-json", "delete", "--list", "REPO", stdin=b"", code=2, only="code")
    twins.same("list", "REPO", exact=True)


def test_a_repository_goes_with_everything(twins: Twins, saved: Path) -> None:
    yes = {"BORG_DELETE_I_KNOW_WHAT_I_AM_DOING": "YES"}
    for line, settings in (("", {}), ("--keep-security-info", yes), ("--force", {}), ("--force --keep-security-info", {})):
        options = line.split()
        twins.same("delete", "--dry-run", "--info", *options, "REPO", stdin=b"YES\n", code=0, exact=True, **settings)
        assert all(twins.repository(name).exists() for name in ("theirs", "ours"))
        twins.same("delete", "--info", *options, "REPO", stdin=b"YES\n", code=0, exact=True, **settings)
        theirs, ours = (
            sorted(str(path.relative_to(twins.home(name).parent)) for path in twins.home(name).parent.rglob("*"))
            for name in ("theirs", "ours")
        )
        assert ours == theirs
        twins.same("list", "REPO", code=2, only="code")
        twins.clone(saved)


def test_only_the_cache_goes(twins: Twins) -> None:
    twins.same("delete", "--cache-only", "--dry-run", "--info", "REPO", code=0, exact=True)
    twins.same("delete", "--cache-only", "--info", "REPO", code=0, exact=True)
    for name in ("theirs", "ours"):
        caches = twins.repository(name).parent / "home/.cache/borg"
        assert [path.name for path in caches.iterdir()] == ["CACHEDIR.TAG"]
    twins.same("list", "REPO", code=0, exact=True)
    twins.same("delete", "--stats", "REPO::monday", code=0, exact=True)


def test_a_repository_without_a_manifest(twins: Twins) -> None:
    for name in ("theirs", "ours"):
        twins.ask_borg(name, "debug", "delete-obj", "REPO", "0" * 64)
    twins.same("delete", "REPO", stdin=b"NO\n", code=2, exact=True)
    twins.same("delete", "--info", "REPO", stdin=b"YES\n", code=0, exact=True)
    assert not twins.repository("ours").exists()


def test_an_append_only_repository_stays(twins: Twins) -> None:
    for name in ("theirs", "ours"):
        config = twins.repository(name) / "config"
        config.write_text(config.read_text().replace("append_only = 0", "append_only = 1"))
    twins.same("delete", "--force", "REPO", code=2, only="code")
    twins.same("list", "REPO", exact=True)
