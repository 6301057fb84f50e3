from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.keys import REPOSITORY_ID, material_of, vectors
from vinculum.errors import KeyfileExists, KeyfileInvalid, KeyfileMismatch, KeyfileNotFound
from vinculum.keys.blob import decode_text, encode_text, lock_blob
from vinculum.keys.keyfile import create_key_file, default_name, find_key_file, format_key_file, read_key_file

TEXT = encode_text(lock_blob(material_of("keyfile"), "x", iterations=1))
GOOD = format_key_file(REPOSITORY_ID, TEXT)
OTHER_ID = bytes(reversed(REPOSITORY_ID))

# How the locations of the vectors are taken apart; the key file's name depends on these two only.
PARTS = {
    "/path/to/repo": ("/path/to/repo", None),
    "user@host:rel/path": ("rel/path", "host"),
    "ssh://user@host.example:2222/~/repo": ("/~/repo", "host.example"),
    "/a/b c/é": ("/a/b c/é", None),
    "ssh://[::1]/p": ("/p", "::1"),
}


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("BORG_KEY_FILE", raising=False)
    monkeypatch.setenv("BORG_KEYS_DIR", str(tmp_path / "keys"))
    return tmp_path / "keys"


def test_names_follow_the_vectors() -> None:
    for case in vectors("keyfile_names")["cases"]:
        path, host = PARTS.get(case["location"], (case["location"], None))
        assert default_name(path, host) == case["key_file_name"]


def test_new_file_is_found_and_private(keys: Path) -> None:
    path = create_key_file(REPOSITORY_ID, TEXT, "/some/repo", None)
    assert path == str(keys / "some_repo")
    assert Path(path).read_text() == GOOD
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert find_key_file(REPOSITORY_ID, "repo") == path
    assert read_key_file(path, REPOSITORY_ID, "repo") == decode_text(TEXT.encode())
    assert os.listdir(keys) == ["some_repo"]


def test_new_file_never_replaces_another(keys: Path) -> None:
    keys.mkdir()
    (keys / "repo").write_text("precious")
    (keys / "repo.2").write_text("precious too")
    assert create_key_file(REPOSITORY_ID, TEXT, "/repo", None) == str(keys / "repo.3")
    assert ((keys / "repo").read_text(), (keys / "repo.2").read_text()) == ("precious", "precious too")


def test_named_file_is_used_for_a_new_key(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = tmp_path / "elsewhere" / "my key"
    monkeypatch.setenv("BORG_KEY_FILE", str(named))
    assert create_key_file(REPOSITORY_ID, TEXT, "/repo", None) == str(named)
    assert named.read_text() == GOOD
    assert not keys.exists()


@pytest.mark.usefixtures("keys")
def test_named_file_that_exists_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = tmp_path / "my key"
    named.write_text("precious")
    monkeypatch.setenv("BORG_KEY_FILE", str(named))
    with pytest.raises(KeyfileExists):
        create_key_file(REPOSITORY_ID, TEXT, "/repo", None)
    assert named.read_text() == "precious"


def test_failed_write_leaves_nothing_behind(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(OSError, match="space"):
        create_key_file(REPOSITORY_ID, TEXT, "/repo", None)
    assert os.listdir(keys) == []


BAD_FILES = {
    "empty": "",
    "no-magic": GOOD.replace("BORG_KEY", "BORG-KEY"),
    "other-repository": format_key_file(OTHER_ID, TEXT),
    "something-after-the-id": GOOD.replace("\n", " comment\n", 1),
    "upper-case-id": GOOD.replace(REPOSITORY_ID.hex(), REPOSITORY_ID.hex().upper()),
    "first-line-only": GOOD.splitlines()[0],
    "no-text": GOOD.splitlines()[0] + "\n\n",
    "no-base64": GOOD.splitlines()[0] + "\n" + "#" * 60,
    "too-short": GOOD.splitlines()[0] + "\nQUJD\n",
}


@pytest.mark.parametrize("bad", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_search_passes_over_bad_files(keys: Path, bad: str) -> None:
    keys.mkdir()
    (keys / "a").write_text(bad)
    with pytest.raises(KeyfileNotFound, match="my repository"):
        find_key_file(REPOSITORY_ID, "my repository")
    (keys / "b").write_text(GOOD)
    assert find_key_file(REPOSITORY_ID, "my repository") == str(keys / "b")


@pytest.mark.parametrize("name", BAD_FILES)
def test_named_file_must_be_good(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    keys.mkdir()
    (keys / "good").write_text(GOOD)
    named = tmp_path / "named"
    named.write_text(BAD_FILES[name])
    monkeypatch.setenv("BORG_KEY_FILE", str(named))
    mismatching = name in {"other-repository", "something-after-the-id", "upper-case-id"}
    with pytest.raises(KeyfileMismatch if mismatching else KeyfileInvalid):
        find_key_file(REPOSITORY_ID, "repo")


def test_missing_files_are_reported(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyfileNotFound, match=str(keys)):
        find_key_file(REPOSITORY_ID, "repo")
    monkeypatch.setenv("BORG_KEY_FILE", str(keys / "named"))
    with pytest.raises(KeyfileNotFound, match="named"):
        find_key_file(REPOSITORY_ID, "repo")


def test_search_passes_over_directories_and_binary_files(keys: Path) -> None:
    (keys / "a directory").mkdir(parents=True)
    (keys / "b").write_bytes(b"\xff\xfe" * 100)
    (keys / "c").write_bytes(b"BORG_KEY \xff\xff\n\xff")
    (keys / "d").write_text(GOOD.replace("\n", "\r\n"))
    assert find_key_file(REPOSITORY_ID, "repo") == str(keys / "d")


def test_messages_do_not_contain_the_key(keys: Path) -> None:
    keys.mkdir()
    (keys / "a").write_text(GOOD)
    with pytest.raises(KeyfileMismatch) as caught:
        read_key_file(str(keys / "a"), OTHER_ID, "repo")
    assert TEXT[:20] not in str(caught.value)
