"""`--debug-topic`: who wonders why files are read again is told the same by both programs, in the same words."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from support.programs import Completed
from support.trees import write_files
from support.twins import Twins

REASONS = ("UNKNOWN: ", "KNOWN-CHANGED: ", "FILES-CACHE-LOAD: finished")
TOPIC = "borg.debug.files_cache"


def backed_up_and_changed(twins: Twins, mode: str) -> Path:
    """A tree that is not any more what files caches remember of it."""
    tree = twins.cwd / "tree"
    write_files(tree, dict.fromkeys(("same", "longer", "replaced", "touched", "mode", "gone", "below/same"), b"content"))
    time.sleep(0.05)
    write_files(tree, {"last": b"which no files cache trusts"})
    twins.same("create", f"--files-cache={mode}", "REPO::before", "tree", code=0)
    (tree / "longer").write_bytes(b"more content")
    shutil.copy2(tree / "replaced", tree / "copy")
    (tree / "copy").rename(tree / "replaced")
    os.utime(tree / "touched")
    (tree / "mode").chmod(0o600)
    (tree / "gone").unlink()
    write_files(tree, {"new": b"new"})
    (tree / "link").symlink_to("same")
    return tree


def reasons(done: Completed) -> list[str]:
    assert done.code == 0, done
    return [line for line in done.err.splitlines() if line.startswith(REASONS)]


@pytest.mark.parametrize(
    ("mode", "changed"),
    [
        (
            "ctime,size,inode",
            {"longer": "file size", "replaced": "file inode number", "touched": "file ctime", "mode": "file ctime"},
        ),
        ("mtime,size", {"longer": "file size", "touched": "file mtime"}),
    ],
)
def test_why_files_are_read(mode: str, changed: dict[str, str], twins: Twins) -> None:
    tree = backed_up_and_changed(twins, mode)
    words = ("create", "--debug-topic=files_cache", f"--files-cache={mode}", "REPO::after", "tree")
    theirs, ours = map(reasons, twins.both(*words))
    assert ours == theirs
    told = {line for line in ours if line.startswith("KNOWN-CHANGED")}
    assert told == {f"KNOWN-CHANGED: {what} has changed: {os.fsencode(tree / name)!r}" for name, what in changed.items()}


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--files-cache=disabled", "files cache disabled"),
        ("--files-cache=rechunk,mtime", "rechunking enforced"),
        ("--no-cache-sync", "files cache not implemented"),
    ],
)
def test_why_all_files_are_read(option: str, reason: str, twins: Twins) -> None:
    tree = backed_up_and_changed(twins, "ctime,size,inode")
    os.link(tree / "same", tree / "same too")
    twins.both("delete", "--cache-only", "REPO")
    theirs, ours = map(reasons, twins.both("create", "--debug-topic=files_cache", option, "REPO::after", "tree"))
    told = [line for line in ours if line.startswith("UNKNOWN")]
    assert told == [line for line in theirs if line.startswith("UNKNOWN")]
    assert set(told) == {f"UNKNOWN: {reason}"}


def test_reasons_come_before_what_is_done(twins: Twins) -> None:
    backed_up_and_changed(twins, "ctime,size,inode")
    shown = []
    for done in twins.both("create", "--log-json", "--debug-topic", TOPIC, "--list", "REPO::after", "tree"):
        records = [json.loads(line) for line in done.err.splitlines()]
        shown.append(
            [
                [record.get(field) for field in ("name", "levelname", "message", "status", "path")]
                for record in records
                if record["type"] == "file_status" or record["message"].startswith(REASONS)
            ]
        )
    assert shown[1] == shown[0]
    assert [TOPIC, "DEBUG"] in [record[:2] for record in shown[0]]


def test_which_segments_are_compacted(twins: Twins) -> None:
    backed_up_and_changed(twins, "ctime,size,inode")
    twins.both("create", "REPO::after", "tree")
    twins.both("delete", "REPO::before")
    words = ("compact", "--threshold=0", "--debug-topic=borg.repository", "REPO")
    theirs, ours = (re.findall(r"^[Cc]ompacting segment (\d+)", done.err, re.MULTILINE) for done in twins.both(*words))
    assert ours == theirs != []


def test_it_is_a_topic_of_its_own(twins: Twins) -> None:
    backed_up_and_changed(twins, "ctime,size,inode")
    for done in twins.both("create", "--debug", "REPO::after", "tree"):
        assert "KNOWN" not in done.err
