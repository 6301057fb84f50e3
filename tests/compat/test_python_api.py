"""`vinculum.open_repository`: what Python programs see of repositories, and real Borg of what they make."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import vinculum as package
from support.programs import PROJECT, Program, client_environment
from support.ssh_server import ALIAS, SshServer
from vinculum import api
from vinculum.errors import (
    ArchiveAlreadyExists,
    ArchiveDoesNotExist,
    CacheInitAborted,
    CommandError,
    Error,
    LockTimeout,
    PassphraseWrong,
    RepositoryAccessAborted,
)

PAGE = PROJECT / "docs" / "manual" / "python.md"
PASSPHRASE = "correct horse"


@pytest.fixture
def place(workplace: Path, client_env: dict[str, str], monkeypatch: pytest.MonkeyPatch, vinculum: Program) -> Path:
    """The current directory, with a repository `backup` in it; this very process is a client without a passphrase."""
    assert "BORG_PASSPHRASE" in client_env
    monkeypatch.delenv("BORG_PASSPHRASE")
    monkeypatch.chdir(workplace)
    vinculum.run("init", "--encryption=repokey", "backup", BORG_PASSPHRASE=PASSPHRASE)
    return workplace


def write_files(place: Path) -> None:
    (place / "files" / "deep").mkdir(parents=True)
    (place / "files" / "first").write_bytes(b"content")
    (place / "files" / "second").hardlink_to(place / "files" / "first")
    (place / "files" / "link").symlink_to("first")
    (place / "files" / "deep" / "large").write_bytes(bytes(range(256)) * 40_000)
    (place / "files" / "deep" / "nothing").touch()


def test_examples_of_the_manual_run(place: Path) -> None:  # noqa: ARG001 (they run there)
    without_fences = re.sub(r"^```.*$", "", PAGE.read_text(), flags=re.MULTILINE)
    examples = doctest.DocTestParser().get_doctest(without_fences, {}, PAGE.name, str(PAGE), 0)
    assert len(examples.examples) >= 8
    output: list[str] = []
    results = doctest.DocTestRunner().run(examples, out=output.append)
    assert results.failed == 0, "".join(output)


def test_the_manual_names_all_of_it() -> None:
    page = PAGE.read_text()
    for kind in (api.Repository, api.Archive, api.Item):
        public = {name for name in vars(kind) if not name.startswith("_")}
        assert public
        for name in public:
            assert re.search(rf"`{name}[`(]", page), f"{kind.__name__}.{name}"


def test_what_it_makes_borg_reads(place: Path, borg145: Program) -> None:
    write_files(place)
    with package.open_repository(place / "backup", passphrase=PASSPHRASE, writable=True) as repository:
        made = repository.create_archive("first", ["files"], exclude=["*/nothing"], compression="zlib", comment="no tea")
        assert repository.warnings == []
        assert abs(made.time - datetime.now(UTC)) < timedelta(minutes=10)
        repository.create_archive("second", ["files"])
    borg = borg145.inside(place).with_environment(BORG_PASSPHRASE=PASSPHRASE)
    assert borg.run("check", "--verify-data", "backup").err == ""
    listed = borg.run("list", "--format", "{path}{NL}", "backup::first").out.splitlines()
    assert sorted(listed) == ["files", "files/deep", "files/deep/large", "files/first", "files/link", "files/second"]
    assert "no tea" in borg.run("info", "backup::first").out
    (place / "out").mkdir()
    borg.inside(place / "out").run("extract", "../backup::second")
    assert (place / "out/files/deep/large").read_bytes() == (place / "files/deep/large").read_bytes()


def test_what_borg_makes_it_reads(place: Path, borg145: Program) -> None:
    write_files(place)
    borg = borg145.inside(place).with_environment(BORG_PASSPHRASE=PASSPHRASE)
    borg.run("create", "--comment", "by Borg", "backup::made", "files")
    with package.open_repository("backup", passphrase=PASSPHRASE) as repository:
        archive = repository.archive("made")
        assert [found.name for found in repository.archives()] == ["made"]
        assert archive.comment == "by Borg"
        items = {item.path: item for item in archive.items()}
        assert archive.read("files/deep/large") == bytes(range(256)) * 40_000
        assert archive.read("files/first") == archive.read("files/second") == b"content"
        assert archive.read("/files/deep/nothing") == b""
        assert len(list(archive.stream("files/deep/large"))) > 1
        assert {item.path for item in archive.items("files/deep")} == {
            "files/deep",
            "files/deep/large",
            "files/deep/nothing",
        }
        assert [item.path for item in archive.items("sh:**/lin?")] == ["files/link"]
    assert items["files"].is_dir
    assert items["files/link"].is_symlink
    assert items["files/link"].target == "first"
    large = items["files/deep/large"]
    assert large.is_file
    assert large.size == 256 * 40_000
    found = (place / "files/deep/large").stat()
    assert (large.mode, large.mtime_ns, large.uid, large.gid) == (found.st_mode, found.st_mtime_ns, found.st_uid, found.st_gid)
    assert large.mtime.timestamp() == pytest.approx(found.st_mtime, abs=1e-5)


def test_wrong_requests_are_errors(place: Path) -> None:
    write_files(place)
    with package.open_repository("backup", passphrase=PASSPHRASE, writable=True) as repository:
        archive = repository.create_archive("made", ["files"])
        with pytest.raises(ArchiveAlreadyExists):
            repository.create_archive("made", ["files"])
        with pytest.raises(CommandError):
            repository.create_archive("other", ["files"], compression="best")
        with pytest.raises(CommandError):
            repository.create_archive("other", ["files"], exclude=["re:("])
        with pytest.raises(Error, match="no file with content"):
            archive.read("files")
        with pytest.raises(Error, match="There is no"):
            archive.read("file")
        with pytest.raises(ArchiveDoesNotExist):
            repository.archive("other")
        with pytest.raises(Error, match="open already"), package.open_repository("backup", passphrase=PASSPHRASE):
            pass
    with package.open_repository("backup", passphrase=PASSPHRASE) as repository:
        with pytest.raises(Error, match="read only"):
            repository.create_archive("other", ["files"])
        assert [found.name for found in repository.archives()] == ["made"]
    for location in ("backup::made", "://"):
        with pytest.raises(CommandError), package.open_repository(location):
            pass
    with pytest.raises(PassphraseWrong), package.open_repository("backup", passphrase="wrong"):
        pass


def test_others_wait_for_it_and_it_for_others(place: Path, vinculum: Program) -> None:
    program = vinculum.with_environment(BORG_PASSPHRASE=PASSPHRASE)
    with package.open_repository("backup", passphrase=PASSPHRASE):
        program.run("--lock-wait=0", "list", "backup")
        program.run("--lock-wait=0", "delete", "backup::", code=2)
    with package.open_repository("backup", passphrase=PASSPHRASE, writable=True):
        program.run("--lock-wait=0", "list", "backup", code=2)
    holding = program.start("with-lock", "backup", "sh", "-c", "touch held; sleep 60")
    try:
        while not (place / "held").exists():
            assert holding.poll() is None
            time.sleep(0.05)
        with pytest.raises(LockTimeout), package.open_repository("backup", passphrase=PASSPHRASE, lock_wait_s=0.1):
            pass
    finally:
        os.killpg(holding.pid, signal.SIGTERM)
        holding.communicate()


def test_nothing_is_left_of_an_archive_that_failed(place: Path, borg145: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(place)
    with package.open_repository("backup", passphrase=PASSPHRASE, writable=True) as repository:
        repository.create_archive("whole", ["files/first"])
        with monkeypatch.context() as patched:
            patched.setattr("vinculum.operations.create.create.Creation.save", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                repository.create_archive("half", ["files"])
        with pytest.raises(Error, match="open the repository again"):
            repository.create_archive("next", ["files"])
        assert repository.archive("whole").read("files/first") == b"content"
    borg = borg145.inside(place).with_environment(BORG_PASSPHRASE=PASSPHRASE)
    assert borg.run("check", "--verify-data", "backup").err == ""
    assert borg.run("list", "--short", "backup").out == "whole\n"


def test_files_that_cannot_be_read_are_warnings(place: Path) -> None:
    write_files(place)
    with package.open_repository("backup", passphrase=PASSPHRASE, writable=True) as repository:
        archive = repository.create_archive("made", ["files", "missing"])
        assert len(repository.warnings) == 1
        assert repository.warnings[0].startswith("missing: stat: ")
        assert len(list(archive.items())) == 7


def test_a_repository_that_moved_has_to_be_accepted(place: Path) -> None:
    with package.open_repository("backup", passphrase=PASSPHRASE, writable=True) as repository:
        repository.create_archive("here", ["backup/config"])
    (place / "backup").rename(place / "moved")
    with pytest.raises(RepositoryAccessAborted), package.open_repository("moved", passphrase=PASSPHRASE):
        pass
    with package.open_repository("moved", passphrase=PASSPHRASE, accept_relocated=True) as repository:
        assert repository.location == str(place / "moved")
    with package.open_repository("moved", passphrase=PASSPHRASE):
        pass


def test_an_unknown_unencrypted_repository_has_to_be_accepted(
    place: Path, vinculum: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    vinculum.run("init", "--encryption=none", "plain")
    monkeypatch.setenv("BORG_BASE_DIR", str(place / "another client"))
    with pytest.raises(CacheInitAborted), package.open_repository("plain"):
        pass
    with package.open_repository("plain", accept_unencrypted=True) as repository:
        assert repository.encryption == "none"


def test_environment_gives_a_passphrase(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    monkeypatch.setenv("BORG_PASSPHRASE", PASSPHRASE)
    with package.open_repository("backup") as repository:
        assert repository.archives() == []


def test_repositories_can_be_on_another_machine(place: Path, vinculum: Program, ssh_server: SshServer) -> None:
    write_files(place)
    location = f"ssh://{ALIAS}{place / 'backup'}"
    there = {"rsh": ssh_server.rsh, "remote_path": shlex.join(vinculum.call)}
    with package.open_repository(location, passphrase=PASSPHRASE, writable=True, accept_relocated=True, **there) as repository:
        repository.create_archive("far", ["files"])
    read: list[bytes] = []

    def read_back() -> None:
        with package.open_repository(location, passphrase=PASSPHRASE, **there) as repository:
            read.append(repository.archive("far").read("files/second"))

    read_back()
    worker = threading.Thread(target=read_back)
    worker.start()
    worker.join()
    assert read == [b"content"] * 2


def test_the_package_itself_loads_nothing(tmp_path: Path) -> None:
    look = "import sys, vinculum; print([name for name in sys.modules if name.startswith('vinculum.')])"
    environment = {**client_environment(tmp_path), "PYTHONPATH": str(PROJECT / "src")}
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError, match="open_repo"):
        package.open_repo  # noqa: B018
