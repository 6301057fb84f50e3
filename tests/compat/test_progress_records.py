"""With --progress --log-json each command sends the steps that Borg's does, in records of the same form.

How often a step is shown is our own affair, and so is the moment at which the cache begins its transaction: we begin when we
commit. Where one of Borg's steps happens inside another, Borg writes the inner one as plain messages; ours are always steps.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from support.programs import Completed
from support.trees import write_files
from support.twins import Twins

Record = dict[str, Any]
CACHE = {"cache.begin_transaction", "cache.commit"}


@pytest.fixture(autouse=True)
def tree(workplace: Path, twins: Twins) -> Path:
    tree = workplace / "tree"
    write_files(tree, {f"{number}/file": os.urandom(30_000) for number in range(5)})
    with tarfile.open(workplace / "tar", "w") as tar:
        tar.add(tree, "tree")
    twins.cwd = workplace
    for name in ("1", "2", "3", "4"):
        twins.run("theirs", "create", f"REPO::{name}", "tree")
    twins.clone()
    return tree


def steps(done: Completed) -> dict[str, list[Record]]:
    """The records by msgid, without times; those of the archive's progress under an empty name."""
    assert done.code == 0, done
    found: dict[str, list[Record]] = {}
    for record in map(json.loads, done.err.splitlines()):
        if record["type"].startswith(("progress_", "archive_progress")):
            del record["time"]
            found.setdefault(record.get("msgid", ""), []).append(record)
    return found


def form(record: Record) -> tuple[object, ...]:
    return record["type"], record["finished"], tuple(record), type(record.get("info"))


def same_steps(twins: Twins, *args: str, also: Collection[str] = ()) -> dict[str, list[Record]]:
    """Ours; `also` are the steps that Borg hides within others here."""
    theirs, ours = map(steps, twins.both(*args, "--progress", "--log-json"))
    assert ours.keys() == theirs.keys() | set(also)
    for msgid, records in theirs.items():
        assert {form(record) for record in ours[msgid]} <= {form(record) for record in records}, msgid
        assert [record["finished"] for record in ours[msgid]][-1:] == [True]
        assert len({record.get("operation") for record in ours[msgid]}) == len({record.get("operation") for record in records})
    return ours


def test_create(twins: Twins) -> None:
    ours = same_steps(twins, "create", "REPO::new", "tree")
    texts = [record.get("message") for msgid in sorted(CACHE) for record in ours[msgid]]
    assert texts == [
        *(f"Initializing cache transaction: Reading {name}" for name in ("config", "files", "chunks")),
        None,
        *(f"Saving {name}" for name in ("files cache", "chunks cache", "cache config")),
        None,
    ]
    assert same_steps(twins, "create", "--dry-run", "REPO::other", "tree") == {}


def test_synchronisation(twins: Twins) -> None:
    for name in ("theirs", "ours"):
        shutil.rmtree(twins.home(name) / ".cache")
    assert same_steps(twins, "create", "--no-cache-sync", "REPO::new", "tree").keys() == {"", "cache.download_chunks"}
    (first, *_) = same_steps(twins, "info", "REPO")["cache.sync"]
    assert (first["message"], first["info"]) == ("  0% Syncing chunks cache. Processing archive 1", ["1"])
    assert (first["current"], first["total"]) == (1, 5)


def test_info(twins: Twins) -> None:
    twins.run("theirs", "rename", "REPO::1", "100% {{x}}")
    twins.clone()
    theirs, ours = map(steps, twins.both("info", "--progress", "--log-json", "REPO::100% {{x}}"))
    assert ours == theirs
    assert same_steps(twins, "info", "REPO") == {}


def test_deletion(twins: Twins) -> None:
    first, last = same_steps(twins, "delete", "REPO::1", also=CACHE)["archive.delete"]
    assert (first["message"], first["current"], first["total"]) == ("Decrementing references   0%", 1, 1)
    assert last["finished"]
    first, *_ = same_steps(twins, "prune", "--keep-last", "1", "REPO", also=CACHE)["prune"]
    assert (first["message"], first["current"], first["total"]) == ("Pruning archives   0%", 1, 2)
    assert same_steps(twins, "compact", "REPO", "--threshold", "0").keys() == {"repository.compact_segments"}


def test_changes_of_archives(twins: Twins) -> None:
    assert same_steps(twins, "rename", "REPO::1", "one").keys() == CACHE
    assert same_steps(twins, "import-tar", "REPO::tar", "tar").keys() == {"", *CACHE}
    assert same_steps(twins, "diff", "REPO::2", "3") == {}


@pytest.mark.parametrize("options", ["", "--dry-run", "--stdout"])
def test_extraction(options: str, twins: Twins, workplace: Path) -> None:
    (workplace / "out").mkdir()
    twins.cwd = workplace / "out"
    same_steps(twins, "extract", *options.split(), "REPO::1", "tree/1", "tree/2")


def test_export(twins: Twins) -> None:
    same_steps(twins, "export-tar", "REPO::1", "HOME/exported")


def test_replay(twins: Twins) -> None:
    for name in ("theirs", "ours"):
        for file in twins.repository(name).glob("index.*"):
            file.unlink()
    first, *_ = same_steps(twins, "list", "REPO")["repository.replay_segments"]
    assert (first["message"], first["current"]) == ("Replaying segments   0%", 1)


def test_checking(twins: Twins) -> None:
    first, *_ = same_steps(twins, "check", "REPO")["repository.check"]
    assert (first["message"], first["current"], first["info"]) == ("Checking segments 0.0%", 1, None)
    steps_taken = same_steps(twins, "check", "--archives-only", "--verify-data", "REPO")
    assert steps_taken.keys() == {"check.verify_data", "check.rebuild_refcounts"}
    first, *_ = steps_taken["check.rebuild_refcounts"]
    assert (first["message"], first["current"], first["total"], first["info"]) == ("Checking archives 0.0%", 1, 4, None)
