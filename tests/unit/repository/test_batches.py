"""Batches of sealed objects: stored as one by one would be, in a write for each segment, as far as the quota allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.batches import objects_of, sealed
from support.faulty_storage import RecordingStorage
from support.filled_repositories import change_config, content_of, fill, numbered_id, saved_state
from support.store_oracle import CONFIG, files_of
from vinculum._native import SealedBatch
from vinculum.errors import (
    Error,
    StorageQuotaExceeded,
)
from vinculum.repository.repository import Repository
from vinculum.repository.storage import LocalStorage
from vinculum.repository.store import MANIFEST_KEY


def test_batch_is_written_as_its_objects_would_be_one_by_one(tmp_path: Path) -> None:
    batch = sealed([b"content %d" % number * number for number in range(40)])
    config = CONFIG.format(segments_per_dir=3, max_segment_size=900)
    results = []
    for name in ("batch", "single"):
        path = tmp_path / name
        Repository.create(str(path))
        (path / "config").write_text(config)
        with Repository(str(path), exclusive=True) as repository:
            repository.put(numbered_id(0), b"before")
            if name == "batch":
                repository.put_many(batch)
            else:
                for id, data in objects_of(batch).items():
                    repository.put(id, data)
            repository.put(MANIFEST_KEY, b"manifest")
            repository.commit()
        results.append(files_of(path))
    assert results[0] == results[1]
    assert len([name for name in results[0] if name.startswith("data/")]) > 5


def test_new_batch_takes_one_write_per_segment(path: Path) -> None:
    storage = RecordingStorage(LocalStorage(str(path)))
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        repository.put_many(sealed([b"content %d" % number for number in range(500)]))
        assert storage.count("file.write") == 2  # the magic and the batch
        repository.commit()


def test_batch_with_known_objects_replaces_them(path: Path) -> None:
    batch = sealed([b"one", b"two", b"three"])
    known = batch.ids()[32:64]
    with Repository(str(path), exclusive=True) as repository:
        repository.put(known, b"old")
        repository.put_many(batch)
        repository.commit()
    assert content_of(path) == objects_of(batch)
    _, hints = saved_state(path)
    assert hints[b"shadow_index"] == {known: [0]}


def test_batch_with_an_id_twice_is_refused(path: Path) -> None:
    fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        with pytest.raises(ValueError, match="twice"):
            repository.put_many(sealed([b"same", b"other", b"same"]))
        with pytest.raises(Error, match="interrupted"):
            repository.commit()
    assert content_of(path) == {numbered_id(1): b"object 1"}


def test_a_batch_is_stored_as_far_as_the_quota_allows(path: Path) -> None:
    """What is said does not depend on how many objects came together."""
    change_config(path, "storage_quota = 0", "storage_quota = 1K")
    fill(path, 1)
    contents = [bytes([number]) * 258 for number in range(10)]
    told = []

    def put_each(repository: Repository, batch: SealedBatch) -> None:
        for id, data in objects_of(batch).items():
            repository.put(id, data)

    for put in (Repository.put_many, put_each):
        with Repository(str(path), exclusive=True) as repository:
            with pytest.raises(StorageQuotaExceeded) as raised:
                put(repository, sealed(contents))
            told.append((str(raised.value), len(repository)))
            repository.rollback()
    assert told[0] == told[1]
    assert told[0][1] == 1 + 4
