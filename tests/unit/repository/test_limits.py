"""What a repository or its server allows: storage quotas, append-only."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.batches import sealed
from support.filled_repositories import change_config, content_of, fill, numbered_id
from vinculum.errors import (
    Error,
    StorageQuotaExceeded,
)
from vinculum.repository.repository import Repository


def test_storage_quota_stops_the_transaction_until_it_is_rolled_back(path: Path) -> None:
    change_config(path, "storage_quota = 0", "storage_quota = 1K")
    fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        with pytest.raises(StorageQuotaExceeded, match=r"1\.00 kB"):
            repository.put(numbered_id(2), bytes(1000))
        with pytest.raises(StorageQuotaExceeded):
            repository.commit()
        repository.put(numbered_id(3), b"three")
        repository.commit()
        with pytest.raises(StorageQuotaExceeded):
            repository.put_many(sealed([bytes([number]) * 100 for number in range(10)]))
    assert content_of(path).keys() == {numbered_id(1), numbered_id(3)}


def test_given_quota_replaces_the_one_in_the_config(path: Path) -> None:
    with Repository(str(path), exclusive=True, storage_quota=100) as repository, pytest.raises(StorageQuotaExceeded):
        repository.put(numbered_id(1), bytes(100))


def test_append_only_can_be_demanded_by_the_server(path: Path) -> None:
    with Repository(str(path), exclusive=True, append_only=True) as repository:
        repository.put(numbered_id(1), b"")
        repository.commit()
        with pytest.raises(Error, match="append-only"):
            repository.destroy()
    assert (path / "transactions").read_text().startswith("transaction 1, UTC time ")
    fill(path, 2)
    assert (path / "transactions").read_text().count("\n") == 1


def test_an_append_only_repository_goes_again_if_nothing_was_ever_committed(path: Path) -> None:
    """Its making has failed: nothing is lost, and the next try finds nothing in its way."""
    with Repository(str(path), exclusive=True, append_only=True) as repository:
        repository.save_key(b"key")
        repository.put(numbered_id(1), b"")
        repository.destroy()
    assert not path.exists()
