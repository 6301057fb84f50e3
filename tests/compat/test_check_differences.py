"""Where `check` and Borg's differ on purpose, beyond what becomes of single damages: see decision 11."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.damage import Fields, Forger, forging
from support.damaged_twins import CONFIRMED
from support.programs import client_environment
from support.trees import write_files
from support.twins import Twins
from vinculum.keys.tam import pack_with_tam
from vinculum.repository.store import MANIFEST_KEY


@pytest.fixture(autouse=True)
def tree(twins: Twins, workplace: Path, become: Callable[[dict[str, str]], None]) -> None:
    become(client_environment(workplace))
    write_files(workplace, {"tree/a": b"a" * 1000})
    twins.environment = CONFIRMED
    for name in ("one", "two"):
        twins.run("theirs", "create", f"REPO::{name}", "tree")
    twins.clone()


@pytest.mark.parametrize("what", ["a later version", "without a command line"])
def test_an_archive_that_nobody_understands_is_left_as_it_is(what: str, twins: Twins) -> None:
    for name in ("theirs", "ours"):
        with forging(twins.repository(name)) as forger:
            fields = forger.fields("two")
            forger.replace("two", {**fields, b"version": 2} if what == "a later version" else without(fields, b"cmdline"))
            archive = forger.manifest.archives["two"].id
            unused = forger.put(b"what it may need")
    assert "Traceback" in twins.run("theirs", "check", "--repair", "REPO").err
    for words in (["check"], ["check", "--repair"], ["check"]):
        done = twins.run("ours", *words, "REPO")
        assert (done.code, "Archive two cannot be checked" in done.err) == (1, True), done
    with forging(twins.repository("ours")) as forger:
        assert forger.manifest.archives["two"].id == archive
        assert {archive, unused} < {*forger.store.list()}


def without(fields: Fields, name: bytes) -> Fields:
    return {field: value for field, value in fields.items() if field != name}


@pytest.mark.parametrize("days", [-1, 1])
def test_the_older_archive_keeps_the_name_wherever_it_lies(days: int, twins: Twins) -> None:
    """Where the manifest is lost, archives that were taken out of it come back."""
    with forging(twins.repository("ours"), keep_manifest=True) as forger:
        first = forger.manifest.archives["one"].id
        second = another_of_that_time(forger, days)
        forger.store.delete(MANIFEST_KEY)
    done = twins.run("ours", "check", "--repair", "REPO")
    assert "Duplicate archive name one, storing as one.1" in done.err
    with forging(twins.repository("ours")) as forger:
        names = {entry.id: name for name, entry in forger.manifest.archives.items()}
    assert [names[first], names[second]] == (["one", "one.1"] if days > 0 else ["one.1", "one"])
    twins.ask_borg("ours", "check", "--verify-data", "REPO")


def another_of_that_time(forger: Forger, days: int) -> bytes:
    """One more archive of the name `one`, made so many days later; its id."""
    fields = forger.fields("one")
    time = datetime.fromisoformat(fields[b"time"].decode()) + timedelta(days)
    return forger.put(pack_with_tam(forger.key, {**fields, b"time": time.isoformat().encode()}, b"archive"))


def test_nothing_to_be_checked_is_told(twins: Twins) -> None:
    theirs, ours = twins.both("check", "--repository-only", "--archives-only", "REPO")
    assert (theirs.code, theirs.err) == (0, "")
    assert (ours.code, "nothing is checked" in ours.err) == (0, True)
