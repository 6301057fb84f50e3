"""System calls that fail during a backup: the same entries are left out as by real Borg, and reported."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from support.archives import dump
from support.programs import Program
from support.tampering import Tampering, count_tampered, tampered
from support.unreadable_attribute import without_attribute


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


def attributes(borg145: Program, repository: Path, archive: str) -> dict[str, object]:
    return {item["path"]: item.get("xattrs") for item in dump(borg145, repository, archive)["_items"]}


def test_files_and_directories_go_without_an_attribute_that_cannot_be_read(
    vinculum: Program, borg145: Program, repository: Path, workplace: Path
) -> None:
    """Files that are known to be unchanged: nothing of them is opened."""
    for path in ("tree", "tree/middle", "tree/first/file in first"):
        os.setxattr(workplace / path, "user.colour", b"blue")
        os.setxattr(workplace / path, "user.form", b"round")
    time.sleep(0.05)
    (workplace / "tree/last/newest").touch()  # which is not known to be unchanged
    for program in (vinculum, borg145):
        program.run("create", f"{repository}::before {program}", "tree")
        log = workplace / f"tried-by-{program}"
        done = without_attribute(program, "user.colour", log).run("create", "--list", f"{repository}::{program}", "tree")
        assert log.exists()
        assert done.err.count("extended attribute user.colour: [Errno 5] Input/output error") == 3
    ours, theirs = (attributes(borg145, repository, str(program)) for program in (vinculum, borg145))
    assert ours == theirs
    assert "U tree/first/file in first" in done.err
    assert ours["tree/middle"] == {"user.form": "round"}
    assert "tree/middle/inner/file in inner" in ours


def test_a_file_that_is_read_goes_without_an_attribute_that_cannot_be(
    vinculum: Program, borg145: Program, repository: Path, workplace: Path
) -> None:
    target = workplace / "tree/first/file in first"
    os.setxattr(target, "user.colour", b"blue")
    for program in (vinculum, borg145):
        log = workplace / "log"
        troubled = tampered(program, [Tampering("fgetxattr", "1+", "EIO")], [target], log)
        done = troubled.run("create", "--noacls", "--list", "--files-cache", "disabled", f"{repository}::{program}", "tree")
        assert count_tampered(log)
        assert "extended attribute user.colour: [Errno 5] Input/output error" in done.err
    ours, theirs = (attributes(borg145, repository, str(program)) for program in (vinculum, borg145))
    assert ours == theirs
    assert ours["tree/first/file in first"] is None


def test_what_is_in_a_directory_whose_acl_cannot_be_read_is_archived(
    vinculum: Program, borg145: Program, repository: Path, workplace: Path
) -> None:
    """Borg leaves that out as well."""
    subprocess.run(["setfacl", "-m", "u:12345:r", workplace / "tree/middle"], check=True)
    for program in (vinculum, borg145):
        log = workplace / f"tried-by-{program}"
        troubled = without_attribute(program, "system.posix_acl_access", log)
        # What we cannot learn by a directory's name we ask its descriptor, without the C library.
        trace = workplace / "log"
        troubled = tampered(troubled, [Tampering("fgetxattr", "1+", "EIO")], [workplace / "tree/middle"], trace)
        assert troubled.run("create", "--list", f"{repository}::{program}", "tree", code=1).err.count("\nE ") >= 1
        assert log.exists()
    ours, theirs = (attributes(borg145, repository, str(program)) for program in (vinculum, borg145))
    assert "tree/middle" not in {*ours, *theirs}
    assert "tree/middle/inner" in ours
    assert "tree/middle/inner" not in theirs


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


@pytest.mark.parametrize("call", ["flistxattr", "getdents64", "openat", "statx"])
@pytest.mark.parametrize("target", ["tree/middle", "tree/middle/inner", "tree/last/file in last"])
def test_the_same_is_left_out_when_no_list_is_asked_for(
    call: str, target: str, vinculum: Program, repository: Path, workplace: Path
) -> None:
    """Python then has nothing to do for a directory."""
    found = []
    for name, options in (("quiet", []), ("told", ["--list"])):
        troubled = tampered(vinculum, [Tampering(call, "1+", "EIO")], [workplace / target], workplace / "log")
        done = troubled.run("create", *options, "--files-cache", "disabled", f"{repository}::{name}", "tree", code=None)
        assert count_tampered(workplace / "log") or "file" in target
        told = [line for line in done.err.splitlines() if line[1:2] != " "]
        found.append((done.code, told, vinculum.run("list", f"{repository}::{name}").out))
    assert found[0] == found[1]
