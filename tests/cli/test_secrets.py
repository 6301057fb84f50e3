"""What must stay secret is in no output, however much is asked for, and in no file that others may read."""

from __future__ import annotations

import os
import stat
from base64 import b64encode
from pathlib import Path

import pytest

from support.keys import given
from support.programs import Program
from vinculum.keys.key import open_key
from vinculum.repository.repository import Repository
from vinculum.repository.store import MANIFEST_KEY

PASSPHRASE, NEW, WRONG = "a passphrase of the old days", "one that came later", "one that was never right"


def secrets_of(path: Path) -> list[bytes]:
    """Key material in the forms in which it could slip out."""
    with Repository(str(path)) as repository:
        material = open_key(repository, repository.get(MANIFEST_KEY), given(NEW))._material
    assert material is not None
    keys = [material.enc_key, material.enc_hmac_key, material.id_key]
    forms = [
        form for key in keys for form in (key[:16], key[:16].hex().encode(), b64encode(key[:15]), repr(key[:8]).encode()[2:-1])
    ]
    return [*forms, PASSPHRASE.encode(), NEW.encode(), WRONG.encode()]


@pytest.mark.parametrize("mode", ["repokey-blake2", "keyfile"])
def test_no_output_and_no_file_tells_a_secret(
    mode: str, vinculum: Program, workplace: Path, client_home: Path, client_env: dict[str, str]
) -> None:
    del client_env  # so that this process looks for keys where the program does
    (workplace / "tree").mkdir()
    (workplace / "tree" / "file").write_bytes(b"content")
    said = []

    def run(*words: str, passphrase: str = PASSPHRASE, code: int = 0) -> None:
        loudly = ["--debug", "--debug-topic=files_cache", "--show-rc", "--progress"]
        new = {"BORG_NEW_PASSPHRASE": NEW} if "change-passphrase" in words else {}
        done = vinculum.run(*words, *loudly, code=code, BORG_PASSPHRASE=passphrase, **new)
        said.append(done.stdout + done.stderr)

    run("init", "-e", mode, "repo")
    run("create", "--stats", "--list", "repo::archive", "tree")
    run("info", "repo")
    run("info", "repo", passphrase=WRONG, code=2)
    run("key", "change-passphrase", "repo")
    run("check", "--verify-data", "repo", passphrase=NEW)
    run("debug", "info", passphrase=NEW)
    run("list", "repo::archive", "--log-json", passphrase=NEW)
    files = [path for top in (client_home, workplace / "repo") for path in top.rglob("*") if path.is_file()]
    assert len(files) > 10
    told = b"\0".join([*said, *(path.read_bytes() for path in files)])
    assert b"terminating with success status" in told, "nothing was said at all"
    for secret in secrets_of(workplace / "repo"):
        assert secret not in told


@pytest.mark.parametrize("umask", [0o077, 0o022])
def test_what_is_kept_of_a_key_is_for_its_owner_alone(
    umask: int, vinculum: Program, workplace: Path, client_home: Path
) -> None:
    """Whatever the mask is: it is about the repository, and a backup of the home directory keeps these modes."""
    vinculum.run(f"--umask={umask:03o}", "init", "-e", "keyfile", "repo")
    (workplace / "file").write_bytes(b"content")
    vinculum.run(f"--umask={umask:03o}", "create", "repo::archive", "file")
    for top in (client_home / ".config", client_home / ".cache"):
        for directory, _, _ in os.walk(top):
            if Path(directory) not in (client_home / ".config", client_home / ".cache"):
                assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700, directory
    (key,) = (client_home / ".config/borg/keys").iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for path in (workplace / "repo").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & umask == 0, path
