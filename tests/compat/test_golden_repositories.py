"""Repositories that real Borgs left behind, odd ones among them: vinculum finds in each what its listing says.

The listings are not Borg's words but an independent reader's; text in them that is not printable stands as `hex:` and digits.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.golden import LEGACY, GoldenRepository, openable_names
from support.programs import Program

STALE_LOCK_HOST = {"b145-parts": "testhost@1"}
WORKAROUNDS = {"b124-renamed": "ignore_invalid_archive_tam"}


def raw(shown: str) -> bytes:
    """The bytes behind a text of a listing."""
    return bytes.fromhex(shown[4:]) if shown.startswith("hex:") else shown.encode()


def shown(path: str) -> str:
    """How listings show that path: they are text, and what is not UTF-8 can only be hinted at."""
    return re.sub("[\udc80-\udcff]", "?", os.fsdecode(raw(path)))


def expected_items(archive: dict[str, Any]) -> list[dict[str, Any]]:
    """The items that are shown: part files are hidden."""
    return [item for item in archive["items"] if "part" not in item]


@pytest.fixture(params=openable_names())
def repository(request: pytest.FixtureRequest, golden: Callable[[str], GoldenRepository]) -> GoldenRepository:
    """Each golden repository."""
    return golden(request.param)


@pytest.fixture
def program(repository: GoldenRepository, vinculum: Program) -> Program:
    """vinculum, with what a client needs for this repository."""
    extra = dict(repository.environment)
    if repository.name in STALE_LOCK_HOST:
        extra["BORG_HOST_ID"] = STALE_LOCK_HOST[repository.name]
    if repository.name in WORKAROUNDS:
        extra["BORG_WORKAROUNDS"] = WORKAROUNDS[repository.name]
    return vinculum.with_environment(**extra, TZ="UTC")


def test_archives_are_listed(repository: GoldenRepository, program: Program) -> None:
    listed = json.loads(program.run("list", "--json", "--consider-checkpoints", repository.path).out)
    assert listed["repository"]["id"] == repository.listing["repository_id"]
    found = [(entry["name"], entry["id"]) for entry in listed["archives"]]
    wanted = repository.listing["manifest"]["content"]["archives"]
    by_time = sorted(wanted, key=lambda name: wanted[name]["time"])
    assert found == [(name, wanted[name]["id"].removeprefix("hex:")) for name in by_time]


def test_items_are_listed(repository: GoldenRepository, program: Program) -> None:
    for archive in repository.listing["archives"]:
        name = f"{repository.path}::{archive['name']}"
        items = expected_items(archive)
        names = program.run("list", "--format", "{path}{NUL}", name).out.split("\0")[:-1]
        assert names == [shown(item["path"]) for item in items]
        listed = program.run("list", "--json-lines", "--format", "{mtime}{size}", name)
        for line, item in zip(map(json.loads, listed.out.splitlines()), items, strict=True):
            assert line["path"] == shown(item["path"])
            assert line["mode"][1:] == stat.filemode(item["mode"])[1:]
            assert (line["uid"], line["gid"]) == (item["uid"], item["gid"])
            assert line["user"] == (item["user"] or str(item["uid"]))
            assert datetime.fromisoformat(line["mtime"] + "+00:00") == datetime.fromtimestamp(item["mtime"] / 1e9, UTC)
            if "chunks" in item:
                assert line["size"] == item["size"]


LISTINGS = {
    "archives": ["list", "REPO"],
    "archive names": ["list", "--short", "REPO"],
    "archives as json": ["list", "--json", "REPO"],
    "items": ["list", "REPO::ARCHIVE"],
    "item names": ["list", "--short", "REPO::ARCHIVE"],
    "items as json": ["list", "--json-lines", "REPO::ARCHIVE"],
    "repository": ["info", "REPO"],
    "repository as json": ["info", "--json", "REPO"],
    "archive": ["info", "REPO::ARCHIVE"],
    "archive as json": ["info", "--json", "REPO::ARCHIVE"],
}


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("name", ["b145-repokey", "b145-none", "b124-keyfile-blake2", "b145-repaired"])
def test_listings_are_what_borg_prints(
    listing: str, name: str, golden: Callable[[str], GoldenRepository], vinculum: Program, borg145: Program
) -> None:
    repository = golden(name)
    archive = repository.listing["archives"][0]["name"]
    command = [word.replace("REPO", str(repository.path)).replace("ARCHIVE", archive) for word in LISTINGS[listing]]
    theirs = borg145.run(*command, **repository.environment)
    ours = vinculum.run(*command, **repository.environment)
    if "--json-lines" in command:  # in which Borg orders the keys by chance
        assert [*map(json.loads, ours.out.splitlines())] == [*map(json.loads, theirs.out.splitlines())]
    else:
        assert ours.out == theirs.out


def test_everything_is_extracted(repository: GoldenRepository, program: Program, workplace: Path) -> None:
    damaged = repository.name == "b145-repaired"
    for archive in repository.listing["archives"]:
        out = workplace / f"extracted-{archive['name']}"
        out.mkdir()
        program.inside(out).run("extract", f"{repository.path}::{archive['name']}", code=1 if damaged else 0)
        items = expected_items(archive)
        for item in items:
            check_extracted(os.path.join(os.fsencode(out), raw(item["path"])), item)
        paths = {raw(item["path"]) for item in items}
        with_parents = paths | {os.path.dirname(path) for path in paths} - {b""}
        assert {os.path.relpath(os.fsencode(path), os.fsencode(out)) for path in out.rglob("*")} == with_parents


def check_extracted(path: bytes, item: dict[str, Any]) -> None:
    """One restored file against its item."""
    status = os.lstat(path)
    assert status.st_mode == item["mode"]
    assert (status.st_uid, status.st_gid) == (item["uid"], item["gid"])
    assert status.st_mtime_ns == item["mtime"]
    if "content_sha256" in item:
        with open(path, "rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == item["content_sha256"]
        assert status.st_size == item["content_length"]
    if "rdev" in item:
        assert status.st_rdev == item["rdev"]
    if stat.S_ISLNK(item["mode"]):
        assert os.readlink(path) == raw(item["source"])
    xattrs = {
        os.fsencode(name): os.getxattr(path, name, follow_symlinks=False)
        for name in os.listxattr(path, follow_symlinks=False)
        if not name.startswith("system.posix_acl_")
    }
    assert xattrs == {raw(name): raw(value or "") for name, value in item.get("xattrs", {}).items()}
    assert ("acl_access" in item) == ("system.posix_acl_access" in os.listxattr(path, follow_symlinks=False))


def test_the_legacy_passphrase_repository_is_refused(
    golden: Callable[[str], GoldenRepository], vinculum: Program, borg145: Program
) -> None:
    repository = golden(LEGACY)
    refused = vinculum.run("list", repository.path, code=None, **repository.environment)
    by_borg = borg145.run("list", repository.path, code=None, **repository.environment)
    assert refused.code == by_borg.code != 0
    assert "Traceback" not in refused.err
