"""Hard links in file batches: they refer to the first, across batches and whoever fails."""

from __future__ import annotations

import errno
import os
from hashlib import sha256
from pathlib import Path

from reference import scanning as reference
from support.file_batches import Backup, replace


def make_links(place: Path) -> list[bytes]:
    """Three names of a file in a directory each, in walk order."""
    for name in ("a", "b", "c"):
        (place / name).mkdir()
    (place / "a" / "link").write_bytes(b"linked content")
    (place / "b" / "link").hardlink_to(place / "a" / "link")
    (place / "c" / "link").hardlink_to(place / "a" / "link")
    return [os.path.join(directory, b"link") for directory, st in reference.entries_of(os.fsencode(place)) if st]


def test_links_refer_to_the_first_across_batches(workplace: Path) -> None:
    names = make_links(workplace)
    backup = Backup()
    items = [backup.run(workplace / os.fsdecode(name), archived=name).items[0] for name in names]
    assert items[0][b"hardlink_master"] is True
    assert len(items[0][b"chunks"]) == 1
    for item in items[1:]:
        assert item[b"source"] == names[0]
        assert not {b"chunks", b"size", b"hardlink_master"} & item.keys()
    assert len(backup.links) == 1


def test_a_link_replaces_its_failed_master_in_the_same_batch(workplace: Path) -> None:
    names = make_links(workplace)
    backup = Backup()
    batch = backup.collect(workplace, archived=b"t")
    replace(workplace / os.fsdecode(names[0]))
    backup.begin(batch)
    outcome = backup.end(batch)
    assert [(path, code, operation) for _, path, code, operation in batch.failures()] == [
        (os.fsencode(workplace) + b"/" + names[0], 0, "race")
    ]
    second, third = (item for item in outcome.items if item[b"path"].endswith(b"/link"))
    assert (second[b"path"], second[b"hardlink_master"], second[b"size"]) == (b"t/" + names[1], True, 14)
    assert (third[b"path"], third[b"source"]) == (b"t/" + names[2], b"t/" + names[1])
    assert outcome.batch.totals() == (1, 14, 0)
    assert backup.references() == {sha256(b"linked content").digest(): 1}


def test_a_link_in_a_later_batch_becomes_master_after_a_failure(workplace: Path) -> None:
    names = make_links(workplace)
    backup = Backup()
    batch = backup.collect(workplace / os.fsdecode(names[0]))
    replace(workplace / os.fsdecode(names[0]))
    backup.begin(batch)
    assert backup.end(batch).items == []
    assert len(backup.links) == 0
    (item,) = backup.run(workplace / os.fsdecode(names[1]), archived=names[1]).items
    assert (item[b"hardlink_master"], item[b"size"]) == (True, 14)
    (item,) = backup.run(workplace / os.fsdecode(names[2]), archived=names[2]).items
    assert item[b"source"] == names[1]


def test_all_links_failing_leaves_nothing_behind(workplace: Path) -> None:
    names = make_links(workplace)
    backup = Backup()
    batch = backup.collect(workplace)
    for name in names:
        replace(workplace / os.fsdecode(name))
    backup.begin(batch)
    outcome = backup.end(batch)
    assert len(batch.failures()) == 3
    assert (len(backup.links), len(outcome.stored), len(outcome.items)) == (0, 0, 4)


def test_a_large_master_that_fails_is_replaced_by_a_large_link(workplace: Path) -> None:
    names = make_links(workplace)
    backup = Backup()
    batch = backup.collect(workplace, archived=b"t")
    backup.begin(batch, max_file_bytes=5)
    (first,) = batch.large()
    batch.fail_large(first, errno.EIO, True)
    (second,) = batch.large()
    assert second > first
    backup.finish_large(batch, second)
    outcome = backup.end(batch)
    assert [item[b"path"] for item in outcome.items if b"chunks" in item] == [b"t/" + names[1]]
    assert [item[b"source"] for item in outcome.items if b"source" in item] == [b"t/" + names[1]]
    assert batch.failures() == [(first, os.fsencode(workplace) + b"/" + names[0], errno.EIO, "read")]


def test_linked_fifos_and_devices(workplace: Path) -> None:
    os.mkfifo(workplace / "one")
    os.link(workplace / "one", workplace / "two")
    statuses = sorted(Backup().run(workplace).status.values())
    assert statuses == ["d", "f", "h"]
