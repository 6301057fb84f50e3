"""Repositories and single transactions recorded from real Borgs: what is in them must be found, and remade byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.golden import GoldenRepository, golden_names
from support.store_oracle import files_of, run_ours
from vinculum.errors import LockTimeout
from vinculum.operations.compact import compact_repository
from vinculum.platform.identity import set_host_id
from vinculum.repository.repository import Repository
from vinculum.repository.segments import COMMIT, DELETE, PUT, Segments
from vinculum.repository.storage import LocalStorage

STEPS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "golden/vectors/repository_steps.json").read_text())
KEYS = {name: bytes.fromhex(key) for name, key in STEPS["keys"].items()}
Unpack = Callable[[str], GoldenRepository]


def _index_bytes(recorded: dict[str, Any]) -> bytes:
    buckets = [bytes(32) + b"\xff\xff\xff\xff" + bytes(4)] * recorded["num_buckets"]
    for number, content, _kind in recorded["non_empty_buckets"]:
        buckets[number] = bytes.fromhex(content)
    return bytes.fromhex(recorded["header"]) + b"".join(buckets)


def _recorded_files(step: dict[str, Any]) -> dict[str, bytes]:
    return {name: bytes.fromhex(file["hex"]) if "hex" in file else _index_bytes(file) for name, file in step["files"].items()}


def _lay_out(path: Path, files: dict[str, bytes]) -> None:
    Repository.create(str(path))
    (path / "config").write_text(STEPS["config"])
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)


def _live_after(number: int) -> dict[bytes, bytes]:
    """What a plain dict holds after the recorded steps up to `number`."""
    live: dict[bytes, bytes] = {}
    for step in STEPS["steps"][: number + 1]:
        if step["end"] == "abandon":
            continue
        for operation, name, *data in step["operations"]:
            if operation == "put":
                live[KEYS[name]] = data[0].encode()
            else:
                del live[KEYS[name]]
    return live


ENDS = {
    "abandon": [],
    "commit": [("commit",)],
    "compact": [("compact", bytes([10]))],
    "compact0": [("compact", bytes([0]))],
}


@pytest.mark.parametrize("number", range(len(STEPS["steps"])))
def test_recorded_transaction_is_remade_byte_for_byte(tmp_path: Path, number: int) -> None:
    step = STEPS["steps"][number]
    path = tmp_path / "repo"
    _lay_out(path, _recorded_files(STEPS["steps"][number - 1]) if number else {})

    operations = [(word, KEYS[name], *(text.encode() for text in texts)) for word, name, *texts in step["operations"]]
    run_ours(path, STEPS["config"], [[*operations, *ENDS[step["end"]]]])

    made = files_of(path)
    assert made.pop("config").decode() == STEPS["config"]
    assert made.pop("README").startswith(b"This is a Borg Backup repository.")
    assert made == _recorded_files(step)


@pytest.mark.parametrize("number", range(len(STEPS["steps"])))
@pytest.mark.parametrize("forgotten", [(), ("index",), ("hints", "index", "integrity")])
def test_recorded_state_is_read_with_and_without_its_index(tmp_path: Path, number: int, forgotten: tuple[str, ...]) -> None:
    path = tmp_path / "repo"
    files = {
        name: content for name, content in _recorded_files(STEPS["steps"][number]).items() if not name.startswith(forgotten)
    }
    _lay_out(path, files)
    with Repository(str(path)) as repository:
        assert {id: bytes(repository.get(id)) for id in repository.list()} == _live_after(number)


def _copy_without_lock(repository: GoldenRepository) -> None:
    for name in ("lock.exclusive", "lock.roster"):
        path = repository.path / name
        if path.is_dir():
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
        elif path.exists():
            path.unlink()


@pytest.mark.parametrize("name", golden_names())
def test_every_object_of_a_golden_repository_is_found(golden: Unpack, name: str) -> None:
    found = golden(name)
    _copy_without_lock(found)
    with Repository(str(found.path)) as repository:
        assert repository.id.hex() == found.listing["repository_id"]
        assert sorted(id.hex() for id in repository.list()) == sorted(found.listing["objects"])
        assert len(repository) == len(found.listing["objects"])
        ids = list(found.listing["objects"])
        for id, stored in zip(ids, repository.get_many(bytes.fromhex("".join(ids))), strict=True):
            envelope = bytes(stored)
            expected = found.listing["objects"][id]
            assert envelope == bytes(repository.get(bytes.fromhex(id)))
            assert (len(envelope), envelope[0]) == (expected["stored_length"], expected["type_byte"])
            if "iv" in expected:
                assert int.from_bytes(envelope[33:41], "big") == expected["iv"]


@pytest.mark.parametrize("threshold", [0.0, 0.1])
@pytest.mark.parametrize("name", golden_names())
def test_compaction_keeps_every_object_of_a_golden_repository(golden: Unpack, name: str, threshold: float) -> None:
    found = golden(name)
    _copy_without_lock(found)
    with Repository(str(found.path), exclusive=True) as repository:
        before = {id: bytes(repository.get(id)) for id in repository.list()}
        compact_repository(repository, threshold, cleanup_commits=True)
    for derived in ("", "index.*", "hints.*"):
        for file in found.path.glob(derived or "no file"):
            file.unlink()
        with Repository(str(found.path), exclusive=True) as repository:
            assert {id: bytes(repository.get(id)) for id in repository.list()} == before
    segments = Segments(LocalStorage(str(found.path)), 1000)
    if not repository.append_only and threshold == 0:
        sizes = {number: segments.scan(number).tags().count(DELETE) for number in segments.numbers()}
        assert sum(sizes.values()) <= 1, "only DELETEs later than the last index are kept"
    segments.close()


@pytest.mark.parametrize("name", golden_names())
def test_every_segment_of_a_golden_repository_is_judged_right(golden: Unpack, name: str) -> None:
    found = golden(name)
    segments = Segments(LocalStorage(str(found.path)), 1000)
    assert segments.find_last_committed() == found.listing["transaction_id"]
    assert segments.numbers() == [segment["segment"] for segment in found.listing["segments"]]
    for segment in found.listing["segments"]:
        number = segment["segment"]
        assert segments.size(number) == segment["file_size"]
        assert segments.is_committed(number) == segment["committed"]
        if "unreadable_after_these_entries" not in segment:
            entries = segments.scan(number)
            tags = [{PUT: "PUT", DELETE: "DELETE", COMMIT: "COMMIT"}[tag] for tag in entries.tags()]
            assert tags == [entry["tag"] for entry in segment["entries"]]
            assert entries.offsets() == [entry["offset"] for entry in segment["entries"]]
            assert entries.sizes() == [entry["size"] for entry in segment["entries"]]
            keys = [entries.keys()[at * 32 : at * 32 + 32] for at in range(len(entries))]
            assert keys == [bytes.fromhex(entry.get("key", "00" * 32)) for entry in segment["entries"]]
    segments.close()


def test_stale_index_is_replayed_and_saved_by_a_reader(golden: Unpack) -> None:
    found = golden("b145-staleindex")
    segments_before = {name: content for name, content in files_of(found.path).items() if name.startswith("data/")}
    with Repository(str(found.path)) as repository:
        assert len(repository) == len(found.listing["objects"])
    after = files_of(found.path)
    assert {"index.13", "hints.13", "integrity.13"} <= after.keys()
    assert not {"index.5", "hints.5", "integrity.5"} & after.keys()
    assert {name: content for name, content in after.items() if name.startswith("data/")} == segments_before


def test_stale_index_is_replayed_in_memory_without_a_lock(golden: Unpack) -> None:
    found = golden("b145-staleindex")
    before = files_of(found.path)
    with Repository(str(found.path), lock=False) as repository:
        assert sorted(id.hex() for id in repository.list()) == sorted(found.listing["objects"])
    assert files_of(found.path) == before


def test_uncommitted_segments_are_ignored_by_readers_and_removed_by_the_next_writer(golden: Unpack) -> None:
    found = golden("b145-uncommitted")
    with Repository(str(found.path)) as repository:
        assert bytes([1]) * 32 not in repository.list()
    assert (found.path / "data/0/7").exists()
    with Repository(str(found.path), exclusive=True) as repository:
        repository.put(bytes([9]) * 32, b"new")
        repository.commit()
        assert bytes(repository.get(bytes([9]) * 32)) == b"new"
        assert bytes([1]) * 32 not in repository.list()
        assert len(repository) == len(found.listing["objects"]) + 1


def test_append_only_repository_logs_its_transactions(golden: Unpack) -> None:
    found = golden("b145-appendonly")
    before = (found.path / "transactions").read_text()
    with Repository(str(found.path), exclusive=True) as repository:
        assert repository.append_only
        repository.put(bytes([9]) * 32, b"new")
        repository.commit()
    lines = (found.path / "transactions").read_text()
    assert lines.startswith(before)
    last = lines.removeprefix(before)
    assert last.startswith("transaction 15, UTC time 20")
    assert len(last) == len(before.splitlines(keepends=True)[-1])


def test_lock_of_a_dead_process_of_this_host_is_removed_and_of_another_is_not(golden: Unpack, dead_pid: int) -> None:
    found = golden("b145-parts")
    door = found.path / "lock.exclusive"
    (door / "testhost@1.7612-0").rename(door / f"testhost@1.{dead_pid}-0")
    with pytest.raises(LockTimeout):
        Repository(str(found.path), lock_wait=0).__enter__()
    set_host_id("testhost@1")
    with Repository(str(found.path), lock_wait=0) as repository:
        assert sorted(id.hex() for id in repository.list()) == sorted(found.listing["objects"])
