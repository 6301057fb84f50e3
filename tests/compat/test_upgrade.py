"""`upgrade` in its forms for Borg 1.x: same output as Borg 1.4.5, and what one program has authenticated the other believes."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.fork_servers import Servers
from support.golden import GoldenRepository
from support.programs import Program
from support.twins import Twins

pytestmark = pytest.mark.can_be_far

WITHOUT_TAM = """
import sys
from borg.helpers import Location, Manifest, msgpack
from borg.logger import setup_logging
from borg.repository import Repository
setup_logging()
with Repository(sys.argv[1], exclusive=True) as repository:
    repository._location = Location(sys.argv[1])
    manifest, key = Manifest.load(repository, Manifest.NO_OPERATION_CHECK)
    key.pack_and_authenticate_metadata = lambda fields, context=b"", salt=None: msgpack.packb(fields)
    manifest.config.pop(b"tam_required", None)
    manifest.write()
    repository.commit(compact=False)
"""


@pytest.fixture
def keyed_twins(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path, workplace: Path) -> Twins:
    """Two copies of a repository in the wanted mode, each with two archives."""
    twins = Twins(servers, tmp_path / "keyed", workplace)
    twins.init(request.param)
    for name in ("second", "first"):
        twins.same("create", "--timestamp", f"2024-01-0{len(name) % 5 + 1}T12:00:00", f"REPO::{name}", "/dev/null", code=0)
    return twins


@pytest.mark.parametrize("keyed_twins", ["repokey", "keyfile-blake2", "none"], indirect=True)
def test_upgrades_print_the_same(keyed_twins: Twins) -> None:
    for options in (
        "--check-tam",
        "--tam",
        "--check-tam --log-json",
        "--disable-tam",
        "--disable-tam --show-rc",
        "--check-tam",
        "--tam --info",
        "--check-tam --force",
        "--check-archives-tam",
        "--archives-tam --tam --disable-tam",
        "--check-tam --tam --disable-tam",
    ):
        keyed_twins.same("upgrade", *options.split(), "REPO")
    keyed_twins.same("upgrade", "--disable-tam", "REPO", code=0)
    keyed_twins.same("upgrade", "--check-tam", "REPO", code=1, BORG_EXIT_CODES="modern")
    keyed_twins.same("list", "REPO", code=0)
    keyed_twins.same("create", "REPO::third", "/dev/null", code=0)


@pytest.mark.parametrize("call", ["upgrade --bypass-lock REPO", "--bypass-lock upgrade --tam REPO", "upgrade nowhere"])
def test_wrong_use_ends_alike(call: str, twins: Twins) -> None:
    twins.same(*call.split(), code=2)


def test_what_one_program_requires_the_other_knows(vinculum: Program, borg145: Program) -> None:
    vinculum.run("init", "-e", "repokey", "repository")
    for writer, reader in ((vinculum, borg145), (borg145, vinculum)):
        writer.run("upgrade", "--disable-tam", "repository")
        assert "does not require" in reader.run("upgrade", "--check-tam", "repository", code=1).err
        reader.run("list", "repository")
        writer.run("upgrade", "--tam", "repository")
        assert "setup OK" in reader.run("upgrade", "--check-tam", "repository").out


def test_an_unauthenticated_manifest_is_taken_by_force(
    vinculum: Program, borg145: Program, borg145_python: Path, workplace: Path
) -> None:
    vinculum.run("init", "-e", "repokey", "repository")
    vinculum.run("create", "repository::archive", "/dev/null")
    script = [borg145_python, "-c", WITHOUT_TAM, workplace / "repository"]
    subprocess.run(script, env=vinculum.environment, check=True, capture_output=True)
    for program in (vinculum, borg145):
        program.run("list", "repository", code=98, BORG_EXIT_CODES="modern")
    vinculum.run("upgrade", "--tam", "repository", code=98, BORG_EXIT_CODES="modern")
    done = vinculum.run("upgrade", "--tam", "--force", "repository")
    assert done.err == "Manifest authentication DISABLED.\n"
    assert re.fullmatch(r"Manifest contents:\narchive {30}.* \[[0-9a-f]{64}\]\n", done.out)
    for program in (vinculum, borg145):
        assert "setup OK" in program.run("upgrade", "--check-tam", "repository").out
        assert program.run("list", "--short", "repository").out == "archive\n"


def test_archives_of_old_programs_are_authenticated(
    vinculum: Program, borg145: Program, golden: Callable[[str], GoldenRepository], tmp_path: Path
) -> None:
    repository = golden("b124-renamed")
    paths = {vinculum: tmp_path / "ours", borg145: tmp_path / "them"}
    said = []
    for program, path in paths.items():
        # Each in a home of its own, as the other's record of this repository would be ahead.
        home = tmp_path / f"home of {program.name}"
        private = program.with_environment(**repository.environment, HOME=str(home), BORG_BASE_DIR=str(home))
        shutil.copytree(repository.path, path)
        private.run("extract", "--dry-run", f"{path}::renamed", code=2)
        runs = [
            private.run("upgrade", option, path, code=code)
            for option, code in (
                ("--check-archives-tam", 1),
                ("--archives-tam", 0),
                ("--check-archives-tam", 0),
                ("--archives-tam", 0),
            )
        ]
        said.append([(re.sub("[0-9a-f]{64}", "<ID>", done.out), done.err) for done in runs])
        for other in (vinculum, borg145):
            reader = other.with_environment(**repository.environment)
            reader.run("extract", "--dry-run", f"{path}::renamed", HOME=str(home), BORG_BASE_DIR=str(home))
        private.run("create", f"{path}::more", "/dev/null")
        borg145.with_environment(**repository.environment).run(
            "check", "--verify-data", path, HOME=str(home), BORG_BASE_DIR=str(home)
        )
    assert said[0] == said[1]
    assert "Archive TAM missing: renamed" in said[0][0][0]


def test_a_rehearsal_changes_nothing(vinculum: Program, workplace: Path) -> None:
    vinculum.run("init", "-e", "repokey", "repository")
    vinculum.run("upgrade", "--disable-tam", "repository")
    before = sorted(path.name for path in (workplace / "repository").rglob("*"))
    vinculum.run("upgrade", "-n", "--tam", "repository", code=1)
    vinculum.run("upgrade", "-n", "--archives-tam", "repository")
    vinculum.run("upgrade", "repository")
    assert sorted(path.name for path in (workplace / "repository").rglob("*")) == before
