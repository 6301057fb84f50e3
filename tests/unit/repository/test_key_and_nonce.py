"""What lies beside the objects: the key in the config, and the reservations of counters."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.filled_repositories import change_config
from vinculum.errors import (
    Error,
    IntegrityError,
)
from vinculum.repository.repository import Repository


def test_key_is_kept_in_the_config_with_everything_else(path: Path) -> None:
    text = (path / "config").read_text()
    change_config(path, "[repository]\n", "[repository]\nunknown = 50%\n")
    with Repository(str(path), exclusive=True) as repository:
        assert repository.load_key() == b""
        repository.save_key(b"first line\nsecond line\n")
        assert repository.load_key() == b"first line\nsecond line"
    expected = text.replace("[repository]\n", "[repository]\nunknown = 50%\n").removesuffix("\n")
    assert (path / "config").read_text() == expected + "key = first line\n\tsecond line\n\t\n\n"
    with Repository(str(path)) as repository:
        assert repository.load_key() == b"first line\nsecond line"
    assert sorted(os.listdir(path)) == ["README", "config", "data"]


def test_old_config_with_its_key_is_overwritten(path: Path) -> None:
    with Repository(str(path), exclusive=True) as repository:
        repository.save_key(b"old secret")
        with (path / "config").open("rb") as old:
            repository.save_key(b"new secret")
            assert b"secret" not in old.read()


def test_nonce_reservations_are_compared_and_kept(path: Path) -> None:
    with Repository(str(path), exclusive=True) as repository:
        assert repository.get_free_nonce() is None
        repository.commit_nonce_reservation(0x1234, None)
        assert repository.get_free_nonce() == 0x1234
        with pytest.raises(Error, match="reserved"):
            repository.commit_nonce_reservation(0x9999, None)
        repository.commit_nonce_reservation(2**63, 0x1234)
    assert (path / "nonce").read_bytes() == b"8000000000000000"
    (path / "nonce").write_bytes(b"000000000000000a\n")
    with Repository(str(path)) as repository:
        assert repository.get_free_nonce() == 10
    (path / "nonce").write_bytes(b"garbage")
    with Repository(str(path)) as repository, pytest.raises(IntegrityError, match="nonce"):
        repository.get_free_nonce()
