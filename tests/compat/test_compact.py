"""`borg compact` frees what Borg's own frees, byte for byte, and says the same about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.programs import Completed, Program
from support.store_oracle import files_of
from support.trees import write_files
from support.twins import Twins

pytestmark = pytest.mark.can_be_far


@pytest.fixture
def sparse(twins: Twins, workplace: Path) -> Twins:
    """Two repositories with much to be freed, one byte for byte the copy of the other."""
    write_files(workplace, {f"files/{number}": b"%d" % number * 3000 for number in range(20)})
    twins.cwd = workplace
    for number in range(4):
        twins.run("theirs", "create", "--compression", "none", f"REPO::{number}", f"files/{number}", "files/9")
    twins.run("theirs", "delete", "REPO::0", "REPO::2")
    twins.clone()
    return twins


def _same_repositories(twins: Twins) -> None:
    theirs, ours = (files_of(twins.repository(name)) for name in ("theirs", "ours"))
    for files in (theirs, ours):
        # Holds the time of each transaction.
        files.pop("transactions", None)
    assert ours == theirs


@pytest.mark.parametrize(
    "options",
    [
        "--info",
        "-v --threshold 0",
        "-v --threshold=100",
        "-v --threshold -1",
        "-v --cleanup-commits",
        "-v --log-json",
        "--dry-run -v",
        "-n --threshold 0 --cleanup-commits",
        "--show-rc",
        "--bypass-lock",
        "--threshold",
        "--threshold 0.5",
        "--threshold ten",
        "REPO::archive",
    ],
)
def test_same_output_and_same_repository(sparse: Twins, options: str) -> None:
    wrong_use = options in ("--threshold", "--threshold 0.5", "--threshold ten", "REPO::archive")
    # Wrong use is explained in words of our own.
    sparse.same(
        "compact",
        *([] if options == "REPO::archive" else ["REPO"]),
        *options.split(),
        only="code stdout" if wrong_use else "code stdout stderr",
    )
    _same_repositories(sparse)
    # Nothing is left to do but the commit itself.
    sparse.same("compact", "-v", "REPO")
    _same_repositories(sparse)


def test_use_of_the_quota_is_told(sparse: Twins) -> None:
    for name in ("theirs", "ours"):
        config = sparse.repository(name) / "config"
        config.write_text(config.read_text().replace("storage_quota = 0", "storage_quota = 200000000"))
    sparse.same("compact", "-v", "REPO")
    _same_repositories(sparse)


def test_append_only_is_silently_left_alone(sparse: Twins) -> None:
    for name in ("theirs", "ours"):
        config = sparse.repository(name) / "config"
        config.write_text(config.read_text().replace("append_only = 0", "append_only = 1"))
    before = files_of(sparse.repository("ours"))
    sparse.same("compact", "-v", "--threshold", "0", "REPO")
    _same_repositories(sparse)
    after = files_of(sparse.repository("ours"))
    assert {name for name in before if name.startswith("data/")} <= after.keys()


def test_missing_repository_and_missing_manifest(sparse: Twins) -> None:
    sparse.same("compact", "REPO-missing")
    for name in ("theirs", "ours"):
        for file in sparse.repository(name).glob("data/0/*"):
            file.unlink()
        for kind in ("index", "hints", "integrity"):
            for file in sparse.repository(name).glob(f"{kind}.*"):
                file.unlink()
    sparse.same("compact", "REPO", only="code stdout")


def _steps(done: Completed) -> list[dict[str, object]]:
    return [record for record in map(json.loads, done.err.splitlines()) if record["type"] == "progress_percent"]


def test_progress_has_borgs_shape(sparse: Twins) -> None:
    theirs, ours = map(_steps, sparse.both("compact", "--progress", "--log-json", "REPO"))
    # How often progress is shown is our own affair; how it looks is not.
    for record in (*theirs, *ours):
        del record["time"]
    assert len(ours) >= 3
    assert [record for record in ours if record not in theirs] == []
    assert (ours[0], ours[-2:]) == (theirs[0], theirs[-2:])


@pytest.mark.parametrize("mode", ["repokey", "none"])
def test_real_borgs_are_content_with_what_is_left(
    vinculum: Program, real: Program, workplace: Path, mode: str, oracle: Callable[[str], Program]
) -> None:
    write_files(workplace, {f"files/{number}": b"%d" % number * 50000 for number in range(10)})
    real.run("init", "-e", mode, "repo")
    for number in range(3):
        vinculum.run("create", f"repo::{number}", *(f"files/{at}" for at in range(number, 10, number + 1)))
    real.run("delete", "repo::0")
    used = _size(workplace / "repo")
    vinculum.run("compact", "--threshold", "0", "--cleanup-commits", "repo")
    assert _size(workplace / "repo") < used
    real.run("check", "--verify-data", "repo")
    # And what one left over, the other takes up.
    vinculum.run("create", "repo::3", "files/0")
    real.run("delete", "repo::1")
    real.run("compact", "repo")
    vinculum.run("compact", "repo")
    oracle("1.4.5").run("check", "--verify-data", "repo")
    assert vinculum.run("list", "--short", "repo").out.split() == ["2", "3"]


def _size(repository: Path) -> int:
    return sum(file.stat().st_size for file in repository.glob("data/*/*"))
