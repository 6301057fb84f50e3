"""Keys begin to be unlocked before anything is opened: what is wrong shows when the doors are, and not before."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.golden import GoldenRepository, openable_names
from vinculum.archive.manifest import fetch_manifest_object
from vinculum.errors import PassphraseWrong
from vinculum.events import NullSink
from vinculum.keys.passphrase import PassphraseSource
from vinculum.operations.doors import Doors
from vinculum.repository.location import Location


class House(Doors):
    def __init__(self, path: Path, passphrase: str | None) -> None:
        super().__init__(Location.parse(str(path)), NullSink(), locks=False)
        self._passphrase = passphrase

    @property
    def passphrases(self) -> PassphraseSource:
        environment = {**os.environ}
        environment.pop("BORG_PASSPHRASE", None)
        if self._passphrase is not None:
            environment["BORG_PASSPHRASE"] = self._passphrase
        return PassphraseSource(None, environment)

    def mode(self) -> str:
        """Opens the key."""
        with self.open_repository() as store:
            return self.open_key(store, fetch_manifest_object(store)).name


@pytest.mark.parametrize("name", openable_names())
def test_whatever_is_begun_the_same_key_is_opened(name: str, golden_client: Callable[[str], GoldenRepository]) -> None:
    repository = golden_client(name)
    for begins in range(3):
        house = House(repository.path, "test")
        for _ in range(begins):
            house.begin_unlocking()
        assert house.mode() == repository.listing["mode"]


def test_a_wrong_passphrase_is_told_at_the_door(golden: Callable[[str], GoldenRepository]) -> None:
    name = next(name for name in openable_names() if golden(name).listing["mode"] == "repokey-blake2")
    house = House(golden(name).path, "wrong")
    house.begin_unlocking()
    with pytest.raises(PassphraseWrong):
        house.mode()


@pytest.mark.parametrize("config", [None, b"", b"[repository]\nversion = 1\nid = " + b"0" * 64 + b"\nkey = no key\n"])
def test_what_is_no_repository_is_no_trouble_yet(config: bytes | None, tmp_path: Path) -> None:
    if config is not None:
        (tmp_path / "config").write_bytes(config)
    House(tmp_path, "test").begin_unlocking()
    House(tmp_path / "missing", "test").begin_unlocking()
    House(tmp_path, None).begin_unlocking()
