"""Expected trouble: one clear line, the exit code that Borg has for it, no traceback, nothing changed, no lock left.

Borg 1.4.5 meets the same trouble beside us, so that its exit codes are looked up in no table. The exit code is compared under
both settings of BORG_EXIT_CODES.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from support.archives import list_archives
from support.programs import Completed, Program
from support.repositories import file_digests, locks
from support.trees import build_plain, random_content

EXIT_CODES = ["legacy", "modern"]


class Trouble(NamedTuple):
    """A call that has to fail. REPO stands for a repository with the archive `first`, PLACE for its parent directory."""

    command: list[str]
    says: str
    """Must occur in what is printed, whatever the wording around it."""
    environment: dict[str, str] = {}  # noqa: RUF012  never changed


TROUBLES = {
    "wrong passphrase to list": Trouble(["list", "REPO"], "passphrase", {"BORG_PASSPHRASE": "wrong"}),
    "wrong passphrase to create": Trouble(["create", "REPO::x", "tree"], "passphrase", {"BORG_PASSPHRASE": "wrong"}),
    "wrong passphrase from a command": Trouble(
        ["info", "REPO"], "passphrase", {"BORG_PASSPHRASE": "", "BORG_PASSCOMMAND": "echo wrong"}
    ),
    "no repository to list": Trouble(["list", "PLACE/nothing"], "nothing"),
    "no repository to create in": Trouble(["create", "PLACE/nothing::x", "tree"], "nothing"),
    "no repository to extract from": Trouble(["extract", "PLACE/nothing::x"], "nothing"),
    "not a repository": Trouble(["list", "PLACE/tree"], "tree"),
    "not a repository to create in": Trouble(["create", "PLACE/tree::x", "tree"], "tree"),
    "a file for a repository": Trouble(["list", "PLACE/file"], "file"),
    "archive exists": Trouble(["create", "REPO::first", "tree"], "first already exists"),
    "archive missing to list": Trouble(["list", "REPO::second"], "second does not exist"),
    "archive missing to extract": Trouble(["extract", "REPO::second"], "second does not exist"),
    "archive missing to inform about": Trouble(["info", "REPO::second"], "second does not exist"),
    "repository exists": Trouble(["init", "-e", "none", "REPO"], "already exists"),
    "something is in the place of a new repository": Trouble(["init", "-e", "none", "PLACE/tree"], "tree"),
    "parent of a new repository is missing": Trouble(["init", "-e", "none", "PLACE/no/where"], "no/where"),
    "no encryption mode": Trouble(["init", "PLACE/new"], "encryption"),
    "unknown encryption mode": Trouble(["init", "-e", "rot13", "PLACE/new"], "rot13"),
    "unknown option": Trouble(["create", "--nonsense", "REPO::x", "tree"], "--nonsense"),
    "unknown command": Trouble(["frobnicate", "REPO"], "frobnicate"),
    "unknown compression": Trouble(["create", "-C", "rar", "REPO::x", "tree"], "compression"),
    "compression level out of range": Trouble(["create", "-C", "zstd,99", "REPO::x", "tree"], "compression"),
    "impossible chunker": Trouble(["create", "--chunker-params", "1,2,3,4", "REPO::x", "tree"], "chunker-params"),
    "impossible files cache": Trouble(["create", "--files-cache", "nonsense", "REPO::x", "tree"], "files-cache"),
    "unknown placeholder": Trouble(["create", "REPO::{nonsense}", "tree"], "nonsense"),
    "broken placeholder": Trouble(["create", "REPO::{now", "tree"], "}"),
    "no archive given": Trouble(["create", "REPO", "tree"], "REPO"),
    "no repository given": Trouble(["create", "::x", "tree"], "::x"),
    "an archive where none belongs": Trouble(["init", "-e", "none", "PLACE/new::x"], "archive"),
    "nothing to archive": Trouble(["create", "REPO::x"], "PATH"),
    "unknown sort key": Trouble(["list", "--sort-by", "colour", "REPO"], "colour"),
    "unknown format key": Trouble(["list", "--format", "{colour}", "REPO::first"], "colour"),
    "missing exclude file": Trouble(["create", "--exclude-from", "PLACE/nothing", "REPO::x", "tree"], "nothing"),
    "bad pattern": Trouble(["create", "--pattern", "nonsense", "REPO::x", "tree"], "pattern"),
    "bad pattern style": Trouble(["create", "--exclude", "zz:x", "REPO::x", "tree"], "zz"),
    "bad regular expression": Trouble(["create", "--exclude", "re:(", "REPO::x", "tree"], "re"),
    "bad timestamp": Trouble(["create", "--timestamp", "yesterday", "REPO::x", "tree"], "yesterday"),
    "bad time to wait": Trouble(["list", "--lock-wait", "soon", "REPO"], "soon"),
    "bad umask": Trouble(["list", "--umask", "999", "REPO"], "999"),
}


@pytest.fixture
def repository(borg145: Program, workplace: Path) -> Path:
    """A repository with one archive, and things beside it."""
    build_plain(workplace / "tree", files=5)
    (workplace / "file").write_text("just a file")
    repository = workplace / "repository"
    borg145.run("init", "--encryption", "repokey", repository)
    borg145.run("create", f"{repository}::first", "tree")
    return repository


def assert_one_clear_line(done: Completed) -> None:
    """No traceback; the error is the one line, or the last after the usage of a command that was called wrongly."""
    assert "Traceback" not in done.err, done
    assert done.stdout == b"" or done.code == 0, done
    lines = done.err.splitlines()
    assert lines, done
    is_usage = lines[0].startswith("usage:")
    assert len(lines) == 1 or is_usage, done
    assert len(lines[-1]) < 400, done


@pytest.mark.parametrize("codes", EXIT_CODES)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble(trouble: str, codes: str, vinculum: Program, borg145: Program, repository: Path, workplace: Path) -> None:
    command, says, environment = TROUBLES[trouble]
    command = [word.replace("REPO", str(repository)).replace("PLACE", str(workplace)) for word in command]
    says = says.replace("REPO", str(repository))
    before = file_digests(workplace)
    ours = vinculum.run(*command, code=None, **environment, BORG_EXIT_CODES=codes)
    assert file_digests(workplace) == before
    assert locks(repository) == []
    assert_one_clear_line(ours)
    assert says.casefold() in ours.err.casefold(), ours
    theirs = borg145.run(*command, code=None, **environment, BORG_EXIT_CODES=codes)
    assert ours.code != 0
    if "Traceback" not in theirs.err:  # a crash is no example to follow
        assert ours.code == theirs.code, f"{ours}\n{theirs}"


# -- trouble while files are read: a warning, and an archive of the rest ------------------------------------------------


def without_privileges(program: Program) -> Program:
    """The program without root's right to read everything."""
    return program.behind("setpriv", "--bounding-set", "-dac_override,-dac_read_search")


@pytest.mark.parametrize("codes", EXIT_CODES)
def test_what_cannot_be_read_is_left_out(
    codes: str, vinculum: Program, borg145: Program, repository: Path, workplace: Path
) -> None:
    secret, closed = workplace / "tree" / "secret", workplace / "tree" / "closed"
    secret.write_text("secret")
    secret.chmod(0)
    closed.mkdir()
    (closed / "inside").write_text("inside")
    os.chown(closed, 1, 1)
    closed.chmod(0o700)
    for program, name in ((vinculum, "ours"), (borg145, "theirs")):
        command = ["create", "--list", f"{repository}::{name}", "tree", "not-there"]
        done = without_privileges(program).run(*command, code=None, BORG_EXIT_CODES=codes)
        assert "Traceback" not in done.err
        for path in ("tree/secret", "tree/closed", "not-there"):
            assert any(path in line and "Errno" in line for line in done.err.splitlines()), done
        assert "E tree/secret" in done.err.splitlines()
        if program is vinculum:
            code = done.code
    assert code == done.code
    assert code == 1 or codes == "modern"
    listed = [borg145.run("list", "--short", f"{repository}::{name}").out for name in ("ours", "theirs")]
    assert listed[0] == listed[1]
    assert "tree/secret" not in listed[0]
    borg145.run("check", "--verify-data", repository)


def test_what_was_never_matched_is_reported(vinculum: Program, borg145: Program, repository: Path, workplace: Path) -> None:
    out = workplace / "out"
    out.mkdir()
    ours = vinculum.inside(out).run("extract", f"{repository}::first", "tree/directory-0000", "no/such/path", code=None)
    theirs = borg145.inside(out).run("extract", f"{repository}::first", "tree/directory-0000", "no/such/path", code=None)
    assert ours.code == theirs.code == 1
    assert "no/such/path" in ours.err
    assert (out / "tree/directory-0000/file-000000").exists()


# -- trouble with the place ---------------------------------------------------------------------------------------------


def test_a_held_lock_is_respected(vinculum: Program, borg145: Program, repository: Path) -> None:
    holder = borg145.start("with-lock", repository, "sh", "-c", "echo held; sleep 60")
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        held = locks(repository)
        ours = vinculum.run("list", "--lock-wait", "0", repository, code=None)
        theirs = borg145.run("list", "--lock-wait", "0", repository, code=None)
        assert ours.code == theirs.code == 2
        assert_one_clear_line(ours)
        assert "lock" in ours.err
        assert locks(repository) == held
    finally:
        os.killpg(holder.pid, 9)
        holder.communicate()
    vinculum.run("list", repository)
    assert locks(repository) == []


@pytest.mark.parametrize("codes", EXIT_CODES)
def test_a_full_disk_changes_nothing(
    codes: str, vinculum: Program, borg145: Program, small_place: Callable[[str], Path], workplace: Path
) -> None:
    place = small_place("600M")
    repository = place / "repository"
    tree = workplace / "tree"
    build_plain(tree, files=5)
    vinculum.run("init", "--encryption", "repokey", repository)
    vinculum.run("create", f"{repository}::first", "tree")
    # Fill up until there is room for a commit, but not for the data.
    (tree / "big").write_bytes(random_content(1, 24 << 20))
    free = os.statvfs(place)
    with open(place / "ballast", "wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, free.f_bavail * free.f_frsize - (16 << 20))

    codes_seen = []
    for program in (vinculum, borg145):
        done = program.run("create", f"{repository}::second", "tree", code=None, BORG_EXIT_CODES=codes)
        codes_seen.append(done.code)
        if program is vinculum:
            assert "No space left" in done.err, done
            assert_one_clear_line(done)
        assert locks(repository) == []
        assert list_archives(borg145, repository) == ["first"]
        borg145.run("check", "--verify-data", repository)
    assert codes_seen[0] == codes_seen[1] != 0

    (place / "ballast").unlink()
    vinculum.run("create", f"{repository}::second", "tree")
    assert list_archives(borg145, repository) == ["first", "second"]
    borg145.run("check", "--verify-data", repository)


def test_a_repository_that_may_not_be_written_is_readable(vinculum: Program, repository: Path, workplace: Path) -> None:
    copy = workplace / "read-only"
    shutil.copytree(repository, copy)
    moved = vinculum.with_environment(BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")
    assert "first" in moved.run("list", "--bypass-lock", copy).out
    before = file_digests(copy)
    subprocess.run(["chattr", "-R", "+i", copy], check=True)
    try:
        assert "first" in moved.run("list", "--bypass-lock", copy).out
        refused = moved.run("create", f"{copy}::x", "tree", code=2)
        assert_one_clear_line(refused)
    finally:
        subprocess.run(["chattr", "-R", "-i", copy], check=True)
    assert file_digests(copy) == before
