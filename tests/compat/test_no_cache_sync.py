"""`create --no-cache-sync`: where the cache is not current, both programs do without it alike."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.trees import write_files
from support.twins import Twins

pytestmark = pytest.mark.can_be_far


@pytest.fixture(autouse=True)
def tree(workplace: Path, twins: Twins) -> Path:
    """An archive of it is in both repositories; then it changed, and no cache knows of it any more."""
    tree = workplace / "tree"
    twins.cwd = workplace
    write_files(tree, {"old": os.urandom(3_000_000), "small": b"small", "gone": b"gone"})
    twins.run("theirs", "create", "REPO::before", "tree")
    twins.clone()
    (tree / "gone").unlink()
    write_files(tree, {"new": os.urandom(1_500_000), "twice": b"twice", "twice again": b"twice"})
    forget_cache(twins)
    return tree


def forget_cache(twins: Twins) -> None:
    for name in ("theirs", "ours"):
        shutil.rmtree(twins.home(name) / ".cache", ignore_errors=True)


def caches(twins: Twins) -> list[Path]:
    return [path for name in ("theirs", "ours") for path in (twins.home(name) / ".cache" / "borg").glob("*/config")]


def synchronise(twins: Twins) -> None:
    """By a run of its own: where `create` itself does it, Borg's files cache keeps files that are too new to be trusted."""
    twins.same("info", "REPO", code=0)


def no_cache_sync(twins: Twins, *args: str, code: int = 0, **settings: str) -> None:
    twins.same("create", "--no-cache-sync", *args, "tree", code=code, **settings)


@pytest.mark.parametrize(
    "option", ["--list", "--stats", "--json", "--quick-stats", "--log-json --stats", "--stats --iec --info"]
)
def test_output_and_archives(option: str, twins: Twins) -> None:
    no_cache_sync(twins, *option.split(), "--compression", "none", "REPO::1")
    items = twins.same_archive("1")
    assert [[size for _, _, size in items[path]["chunks"]][:1] for path in ("tree/small", "tree/old")] == [[0], [0]]
    assert all(size > 0 for _, _, size in items["tree/new"]["chunks"])
    no_cache_sync(twins, *option.split(), "--compression", "none", "REPO::2")
    twins.same_archive("2")
    assert not caches(twins)
    twins.same("list", "REPO", code=0)
    twins.same("info", "REPO::1", code=0)  # rebuilds the cache, for which stored sizes have to be looked up
    twins.same("info", "REPO", code=0)
    assert twins.borg_on_ours("check", "--verify-data", "REPO").code == 0


def test_a_current_cache_is_used(twins: Twins) -> None:
    synchronise(twins)
    twins.same("create", "REPO::1", "tree", code=0)
    no_cache_sync(twins, "--list", "--stats", "--compression", "none", "REPO::2")
    no_cache_sync(twins, "--list", "--stats", "--files-cache=disabled", "--compression", "none", "REPO::3")
    twins.same_archive("2")


def test_an_outdated_cache_stays_as_it_is(twins: Twins) -> None:
    synchronise(twins)
    twins.same("create", "REPO::1", "tree", code=0)
    for name in ("theirs", "ours"):
        cache = twins.home(name) / ".cache"
        saved = shutil.copytree(cache, twins.home(name) / "saved")
        twins.run(name, "create", "REPO::2", "tree")
        shutil.rmtree(cache)
        saved.rename(cache)
    before = [path.read_bytes() for path in caches(twins)]
    no_cache_sync(twins, "--list", "--stats", "--compression", "none", "REPO::3")
    assert [path.read_bytes() for path in caches(twins)] == before
    twins.same("create", "--list", "--stats", "--compression", "none", "REPO::4", "tree", code=0)
    twins.same_archive("4")


def test_checkpoints_do_not_take_others_chunks_away(twins: Twins) -> None:
    command = ["sh", "-c", "cat tree/old; sleep 1.2; cat tree/new"]
    options = ["--no-cache-sync", "--checkpoint-interval", "1", "--content-from-command"]
    assert twins.run("ours", "create", *options, "REPO::1", "--", *command).code == 0
    assert twins.dump("ours", "1")["_meta"]["nfiles_parts"] > 0
    assert twins.borg_on_ours("check", "--verify-data", "REPO").code == 0
    assert twins.borg_on_ours("extract", "--dry-run", "REPO::before").code == 0


def test_access_is_checked_and_noted(twins: Twins) -> None:
    noted = {}
    for name in ("theirs", "ours"):
        twins.repository(name).rename(twins.repository(name).with_name("elsewhere"))
        (record,) = (twins.home(name) / ".config" / "borg" / "security").iterdir()
        noted[name] = record.joinpath("manifest-timestamp").read_text()
    refused = twins.both("create", "--no-cache-sync", "HOME/../elsewhere::1", "tree")
    assert [done.code for done in refused] == [2, 2]
    allowed = {"BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}
    for done in twins.both("create", "--no-cache-sync", "HOME/../elsewhere::1", "tree", **allowed):
        assert done.code == 0
    for name in ("theirs", "ours"):
        (record,) = (twins.home(name) / ".config" / "borg" / "security").iterdir()
        assert record.joinpath("location").read_text().endswith("/elsewhere")
        assert record.joinpath("manifest-timestamp").read_text() > noted[name]
