"""Environment variables that are about this client: what Borg 1.4.5 and we make of each of them is the same."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest

from support.fork_servers import ForkServer, Servers
from support.programs import client_environment
from support.trees import write_files
from support.twins import Twins

PLACES: list[dict[str, str]] = [
    {},
    {"BORG_BASE_DIR": "base"},
    {"XDG_CONFIG_HOME": "xdg-config", "XDG_CACHE_HOME": "xdg-cache"},
    {"BORG_BASE_DIR": "base", "XDG_CONFIG_HOME": "xdg-config", "XDG_CACHE_HOME": "xdg-cache"},
    {"BORG_CONFIG_DIR": "config", "XDG_CONFIG_HOME": "xdg-config"},
    {"BORG_CACHE_DIR": "cache", "BORG_BASE_DIR": "base"},
    {"BORG_KEYS_DIR": "keys"},
    {"BORG_SECURITY_DIR": "security", "BORG_CONFIG_DIR": "config"},
    {"BORG_KEY_FILE": "key", "BORG_KEYS_DIR": "keys"},
]


def files_made(server: ForkServer, place: Path, variables: dict[str, str]) -> set[str]:
    """What is in a home, besides the repository, after a repository was made and used with its places given by `variables`."""
    place.mkdir()
    environment = client_environment(place)
    del environment["BORG_BASE_DIR"]
    environment |= {name: str(place / value) for name, value in variables.items()}
    (place / "file").write_bytes(b"some content")
    for words in (["init", "-e", "keyfile", "repo"], ["create", "repo::archive", "file"]):
        done = server.run(words, stdin=b"", cwd=place, environment=environment)
        assert done.code == 0, done
    shutil.rmtree(place / "repo")
    return {re.sub("[0-9a-f]{64}", "<ID>", str(path.relative_to(place))) for path in place.rglob("*")}


@pytest.mark.parametrize("variables", PLACES, ids=lambda variables: " ".join(variables) or "none")
def test_places(variables: dict[str, str], servers: Servers, tmp_path: Path) -> None:
    made = [files_made(server, tmp_path / name, variables) for name, server in vars_of(servers)]
    assert made[0] == made[1]
    assert all(any(path.startswith(value) for path in made[0]) for name, value in variables.items() if used(name, variables))


def vars_of(servers: Servers) -> list[tuple[str, ForkServer]]:
    return [("theirs", servers.theirs), ("ours", servers.ours)]


def used(name: str, variables: dict[str, str]) -> bool:
    """Whether that variable is not outweighed by another one."""
    outweighed_by = {"XDG_CONFIG_HOME": ("BORG_BASE_DIR", "BORG_CONFIG_DIR"), "XDG_CACHE_HOME": ("BORG_BASE_DIR",)}
    others = {**outweighed_by, "BORG_KEYS_DIR": ("BORG_KEY_FILE",)}.get(name, ())
    return not any(other in variables for other in others)


@pytest.fixture(autouse=True)
def tree(twins: Twins) -> None:
    """Two directories, and a file that is newer than what is in them: files caches do not trust what is as new as can be."""
    write_files(twins.cwd, {f"{directory}/{number}": b"content" for directory in ("one", "two") for number in range(3)})
    time.sleep(0.05)
    write_files(twins.cwd, {"last": b"last"})


def test_how_long_files_are_remembered(twins: Twins) -> None:
    statuses = set()
    for ttl in ("0", "1", "2", "3", ""):
        settings = {"BORG_FILES_CACHE_TTL": ttl} if ttl else {}
        for turn, directory in enumerate(("one", "two", "two", "one")):
            told = twins.same("create", "--list", f"REPO::{ttl}-{turn}", directory, "last", code=0, **settings)
        statuses.add(told.err[0])
    assert statuses == {"A", "U"}


def test_several_files_caches(twins: Twins) -> None:
    for number, suffix in enumerate(("mine", "", "mine", "other")):
        words = ("create", "--list", f"REPO::{number}", "one", "last")
        theirs, ours = twins.both(*words, BORG_FILES_CACHE_SUFFIX=suffix)
        # Borg warns of one that is new.
        assert [line for line in theirs.err.splitlines() if "files cache" not in line] == ours.err.splitlines()
    caches = [{path.name for path in twins.home(name).rglob("files*")} for name in ("theirs", "ours")]
    assert caches[0] == caches[1] == {"files", "files.mine", "files.other"}


@pytest.mark.parametrize("setting", ["no", "yes", "TRUE", ""])
def test_chunk_lists_of_archives(setting: str, twins: Twins) -> None:
    """Where Borg has begun to keep them, and the cache has to catch up."""
    cache, aside = twins.home("theirs") / ".cache", twins.home("theirs") / "aside"
    for name in ("1", "2"):
        twins.run("theirs", "create", f"REPO::{name}", "one")
        shutil.rmtree(cache)
        twins.run("theirs", "info", "REPO")
        if name == "1":
            shutil.copytree(cache, aside)
    shutil.rmtree(cache)
    aside.rename(cache)
    twins.clone()
    twins.same("info", "REPO", code=0, BORG_USE_CHUNKS_ARCHIVE=setting)
    kept = [{path.name for path in twins.home(name).rglob("*.compact")} for name in ("theirs", "ours")]
    assert kept[0] == kept[1]
    assert len(kept[0]) == (2 if setting in ("yes", "TRUE") else 1)


@pytest.mark.parametrize("indent", ["0", "none", "None", "\t", ""])
def test_indentation(indent: str, twins: Twins) -> None:
    twins.same("create", "REPO::1", "one", code=0)
    twins.same("list", "--json", "REPO", BORG_JSON_INDENT=indent)
