"""`init`: what a new repository is like, for us and for both real Borgs, and what is left when it fails."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.programs import Program

MODES = ["none", "authenticated", "authenticated-blake2", "repokey", "repokey-blake2", "keyfile", "keyfile-blake2"]


def config(repository: Path) -> dict[str, str]:
    lines = [line for line in (repository / "config").read_text().splitlines() if " = " in line]
    return dict(line.split(" = ", 1) for line in lines)


@pytest.mark.parametrize("mode", MODES)
def test_both_borgs_accept_an_empty_repository(mode: str, vinculum: Program, oracle: Callable[[str], Program]) -> None:
    done = vinculum.run("init", "-e", mode, "repo")
    assert done.out == ""
    # Who has a key is told to keep it, unless warnings are not wanted.
    assert ("key export" in done.err) == (mode != "none")
    for version in ("1.4.5", "1.2.4"):
        real = oracle(version)
        assert real.run("list", "repo").out == ""
        assert "no problems found" in real.run("check", "-v", "--verify-data", "repo").err
    assert vinculum.run("list", "repo").out == ""


@pytest.mark.parametrize("mode", ["keyfile", "keyfile-blake2"])
def test_key_files_are_named_as_borg_names_them(mode: str, vinculum: Program, borg145: Program, client_home: Path) -> None:
    (vinculum.cwd / "some").mkdir()
    keys = client_home / ".config/borg/keys"
    borg145.run("init", "-e", mode, "some/re.po")
    theirs = [path.name for path in keys.iterdir()]
    vinculum.run("init", "-e", mode, "some/re-po")
    assert sorted(path.name for path in keys.iterdir()) == sorted([*theirs, f"{theirs[0]}.2"])


def test_options_reach_the_config(vinculum: Program, workplace: Path) -> None:
    vinculum.run("init", "-e", "none", "--append-only", "--storage-quota", "1.5G", "--make-parent-dirs", "a/b/repo")
    facts = config(workplace / "a/b/repo")
    assert (facts["append_only"], facts["storage_quota"]) == ("1", "1500000000")
    vinculum.run("init", "-e", "none", "repo")
    facts = config(workplace / "repo")
    assert (facts["append_only"], facts["storage_quota"]) == ("0", "0")


def test_umask_applies(vinculum: Program, workplace: Path) -> None:
    vinculum.run("init", "-e", "none", "private")
    vinculum.run("--umask", "027", "init", "-e", "none", "shared")
    for name, directories, files in (("private", 0o700, 0o600), ("shared", 0o750, 0o640)):
        assert (workplace / name / "data").stat().st_mode & 0o777 == directories
        assert (workplace / name / "config").stat().st_mode & 0o777 == files


def test_a_new_unencrypted_repository_is_no_stranger(vinculum: Program) -> None:
    wary = vinculum.with_environment(BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=None)
    wary.run("init", "-e", "none", "repo")
    assert wary.run("list", "repo").err == ""


def test_it_says_what_it_does_if_asked(vinculum: Program, client_home: Path) -> None:
    done = vinculum.run("--info", "init", "-e", "keyfile", "repo")
    assert done.err.startswith('Initializing repository at "repo"\n')
    assert str(client_home / ".config/borg/keys/repo") in done.err
    assert "NOT encrypted" in vinculum.run("-v", "init", "-e", "none", "other").err
    assert vinculum.run("--error", "init", "-e", "repokey", "third").err == ""


@pytest.mark.parametrize("existing", [False, True], ids=["new directory", "empty directory"])
@pytest.mark.parametrize("mode", ["keyfile", "repokey"])
def test_a_failed_init_leaves_nothing_behind(
    mode: str, existing: bool, vinculum: Program, workplace: Path, client_home: Path
) -> None:
    if existing:
        (workplace / "repo").mkdir()
    silent = vinculum.with_environment(BORG_PASSPHRASE=None)
    silent.run("init", "-e", mode, "--append-only", "--make-parent-dirs", "repo" if existing else "a/b/repo", code=2)
    assert [path.name for path in workplace.rglob("*")] == (["repo"] if existing else [])
    assert [path for path in client_home.rglob("*") if path.is_file()] == []


def test_a_failure_after_the_key_was_made_removes_the_key(vinculum: Program, workplace: Path, client_home: Path) -> None:
    # No security directory can be made where a file is in the way.
    (client_home / "file").touch()
    vinculum.run("init", "-e", "keyfile", "repo", code=2, BORG_SECURITY_DIR=str(client_home / "file" / "security"))
    assert list(workplace.iterdir()) == []
    assert [path.name for path in client_home.rglob("*") if path.is_file()] == ["file"]


def test_what_was_there_before_is_not_touched(vinculum: Program, workplace: Path) -> None:
    (workplace / "repo").mkdir()
    (workplace / "repo" / "letter").write_text("dear")
    vinculum.run("init", "-e", "none", "repo", code=2)
    vinculum.run("init", "-e", "none", "other")
    vinculum.run("init", "-e", "none", "other", code=2)
    vinculum.run("init", "-e", "none", "other/inner", code=2)
    assert [path.name for path in (workplace / "repo").iterdir()] == ["letter"]
    assert not (workplace / "other" / "inner").exists()
    vinculum.run("list", "other")


def test_related_secrets_make_repositories_alike(vinculum: Program, borg145: Program, workplace: Path) -> None:
    vinculum.run("init", "-e", "repokey-blake2", "one")
    borg145.run("key", "export-related-secrets", "one", "secrets")
    vinculum.run("init", "-e", "keyfile-blake2", "--import-related-secrets", "secrets", "two")
    borg145.run("key", "export-related-secrets", "two", "again")
    first, second = (json.loads((workplace / name).read_text()) for name in ("secrets", "again"))
    assert first.pop("key_name") != second.pop("key_name")
    assert first == second
    done = vinculum.run("init", "-e", "repokey", "--import-related-secrets", "secrets", "three", code=2)
    assert "BLAKE2b" in done.err
    (workplace / "nonsense").write_text("[]")
    vinculum.run("init", "-e", "repokey", "--import-related-secrets", "nonsense", "three", code=2)
    assert not (workplace / "three").exists()


def test_new_passphrases_are_typed_twice(vinculum: Program, borg145: Program) -> None:
    silent = vinculum.with_environment(BORG_PASSPHRASE=None)
    typed = b"one\ntwo\nsecret\nsecret\n"
    done = silent.behind("setsid", "--wait").run("init", "-e", "repokey", "repo", stdin=typed)
    prompts = "Enter new passphrase: Enter same passphrase again: "
    assert done.err.startswith(f"{prompts}Passphrases do not match\n{prompts}")
    assert borg145.run("list", "repo", BORG_PASSPHRASE="secret").out == ""
    assert os.path.isdir(vinculum.cwd / "repo")
