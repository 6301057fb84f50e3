from __future__ import annotations

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from vinculum.platform import paths

ID = bytes(range(32))
VARIABLES = (
    "BORG_BASE_DIR BORG_CONFIG_DIR BORG_CACHE_DIR BORG_KEYS_DIR BORG_SECURITY_DIR BORG_KEY_FILE XDG_CONFIG_HOME XDG_CACHE_HOME"
)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES.split():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")


def all_paths() -> list[str]:
    return [paths.config_dir(), paths.cache_dir(), paths.keys_dir(), paths.security_dir(ID)]


def test_everything_is_below_home() -> None:
    config = "/home/me/.config/borg"
    assert all_paths() == [config, "/home/me/.cache/borg", f"{config}/keys", f"{config}/security/{ID.hex()}"]


def test_xdg_directories_replace_the_hidden_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/xc")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xx")
    assert all_paths() == ["/xc/borg", "/xx/borg", "/xc/borg/keys", f"/xc/borg/security/{ID.hex()}"]


def test_base_directory_outweighs_home_and_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/xc")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xx")
    monkeypatch.setenv("BORG_BASE_DIR", "/b")
    assert all_paths()[:2] == ["/b/.config/borg", "/b/.cache/borg"]


def test_each_directory_can_be_given_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BORG_BASE_DIR", "/b")
    monkeypatch.setenv("BORG_CONFIG_DIR", "/c")
    assert paths.keys_dir() == "/c/keys"
    monkeypatch.setenv("BORG_CACHE_DIR", "/x")
    monkeypatch.setenv("BORG_KEYS_DIR", "/k")
    monkeypatch.setenv("BORG_SECURITY_DIR", "/s")
    assert all_paths() == ["/c", "/x", "/k", f"/s/{ID.hex()}"]


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES.split():
        monkeypatch.setenv(name, "")
    assert paths.config_dir() == "/home/me/.config/borg"
    assert paths.key_file() is None


def test_home_of_root_is_ignored_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root-home")
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    homes = {0: SimpleNamespace(pw_dir="/root-home"), 1234: SimpleNamespace(pw_dir="/home/other")}
    monkeypatch.setattr(pwd, "getpwuid", homes.__getitem__)
    assert paths.base_dir() == "/home/other"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert paths.base_dir() == "/root-home"


def test_without_home_the_user_database_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setenv("USER", "root")
    assert paths.base_dir() == pwd.getpwnam("root").pw_dir


def test_directories_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = paths.make_private(str(tmp_path / "a" / "b"))
    finally:
        os.umask(before)
    assert [os.stat(path).st_mode & 0o777 for path in (made, os.path.dirname(made))] == [0o700, 0o700]
    assert paths.make_private(made) == made


def test_file_in_the_way_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(FileExistsError):
        paths.make_private(str(tmp_path / "a"))


def test_cache_directory_is_tagged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BORG_CACHE_DIR", str(tmp_path / "cache"))
    tag = Path(paths.make_cache_dir()) / "CACHEDIR.TAG"
    assert tag.read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")
    tag.write_bytes(b"mine")
    paths.make_cache_dir()
    assert tag.read_bytes() == b"mine"


def test_a_directory_that_was_made_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With it would go the only key of a repository."""
    synced = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.readlink(f"/proc/self/fd/{fd}")), sync(fd)))
    paths.make_private(str(tmp_path / "a" / "b"))
    assert synced == [str(tmp_path), str(tmp_path / "a")]
    paths.make_private(str(tmp_path / "a" / "b"))
    assert len(synced) == 2
