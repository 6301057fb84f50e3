"""System calls that fail during a backup: the same entries are left out as by real Borg, and reported."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from support.archives import dump
from support.programs import Program
from support.tampering import Tampering, count_tampered, tampered


class Outcome(NamedTuple):
    statuses: list[str]
    archived: list[str]


@pytest.fixture
def repository(borg145: Program, workplace: Path) -> Path:
    """An empty one, beside a tree of directories in directories."""
    for name in ("tree/first", "tree/middle/inner", "tree/last"):
        (workplace / name).mkdir(parents=True)
        (workplace / name / f"file in {Path(name).name}").write_bytes(b"content")
    borg145.run("init", "-e", "none", "repository")
    return workplace / "repository"


def outcome(program: Program, tampering: Tampering, target: Path, repository: Path, borg145: Program, *options: str) -> Outcome:
    """What a backup tells and archives if this goes wrong."""
    log = repository.parent / "log"
    troubled = tampered(program, [tampering], [target], log)
    done = troubled.run(
        "create", "--list", "--files-cache", "disabled", *options, f"{repository}::{program}", "tree", code=None
    )
    assert done.code == (1 if "--noxattrs" not in options else 0), done
    assert count_tampered(log) or "--noxattrs" in options
    statuses = [line for line in done.err.splitlines() if line[1:2] == " "]
    return Outcome(statuses, [item["path"] for item in dump(borg145, repository, str(program))["_items"]])


@pytest.mark.parametrize("options", [[], ["--exclude", "tree/last"], ["--noxattrs", "--noacls"]], ids=" ".join)
@pytest.mark.parametrize("target", ["tree", "tree/middle", "tree/middle/inner"])
def test_a_directory_whose_attributes_cannot_be_read_is_left_out_with_its_content(
    target: str, options: list[str], vinculum: Program, borg145: Program, repository: Path, workplace: Path
) -> None:
    tampering = Tampering("flistxattr", "1+", "EIO")
    ours, theirs = (
        outcome(program, tampering, workplace / target, repository, borg145, *options) for program in (vinculum, borg145)
    )
    assert ours == theirs
    assert (target in ours.archived) == ("--noxattrs" in options)
    assert "E tree/middle" in ours.statuses or target != "tree/middle" or "--noxattrs" in options


@pytest.mark.parametrize("when", ["1+", "2"], ids=["at once", "at the end"])
@pytest.mark.parametrize("options", [[], ["--exclude", "tree/last"], ["--exclude-caches"]], ids=" ".join)
@pytest.mark.parametrize("target", ["tree", "tree/middle", "tree/middle/inner"])
def test_a_directory_that_cannot_be_read_is_archived_without_its_content(
    target: str, options: list[str], when: str, vinculum: Program, borg145: Program, repository: Path, workplace: Path
) -> None:
    tampering = Tampering("getdents64", when, "EIO")
    ours, theirs = (
        outcome(program, tampering, workplace / target, repository, borg145, *options) for program in (vinculum, borg145)
    )
    assert ours == theirs
    assert target in ours.archived
    assert f"E {target}" in ours.statuses


@pytest.mark.parametrize(
    ("size", "options"),
    [(10, []), (9 << 20, []), (9 << 20, ["--sparse", "--chunker-params", "fixed,4096"])],
    ids=["small", "large", "sparse"],
)
def test_a_file_whose_reading_is_interrupted_for_ever_is_left_out(
    size: int, options: list[str], vinculum: Program, borg145: Program, repository: Path, workplace: Path
) -> None:
    with (workplace / "tree/first/endless").open("wb") as file:
        file.write(b"begin")
        file.truncate(size)  # a hole, where there is room for one
    log = workplace / "log"
    tampering = Tampering("read,pread64", "1+", "EINTR")
    troubled = tampered(vinculum, [tampering], [workplace / "tree/first/endless"], log)
    done = troubled.run("create", "--list", *options, f"{repository}::archive", "tree", code=1, timeout_s=60)
    assert count_tampered(log)
    assert "E tree/first/endless" in done.err.splitlines()
    assert "tree/first/endless: read: [Errno 4] Interrupted system call" in done.err
    archived = [item["path"] for item in dump(borg145, repository, "archive")["_items"]]
    assert "tree/first/file in first" in archived
    assert "tree/first/endless" not in archived
