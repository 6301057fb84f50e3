"""The segment kernels against their twin, the recorded repository, and every kind of damage."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reference import segments as twin
from vinculum import _native
from vinculum.errors import IntegrityError

VECTORS = Path(__file__).resolve().parents[1] / "golden" / "vectors"

keys = st.integers(0, 5).map(lambda number: bytes([number]) * 32)
entries = st.one_of(
    st.builds(twin.pack_entry, st.just(twin.PUT), keys, st.binary(max_size=60)),
    st.builds(twin.pack_entry, st.just(twin.DELETE), keys),
    st.just(twin.pack_entry(twin.COMMIT)),
)
segments = st.lists(entries, max_size=8).map(lambda parts: twin.pack_segment(*parts))


@contextmanager
def open_segment(data: bytes) -> Iterator[int]:
    with TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.fileno()


def scan(data: bytes) -> _native.SegmentEntries:
    with open_segment(data) as fd:
        return _native.scan_segment(fd)


def read(data: bytes, wanted: list[twin.Entry]) -> list[bytes]:
    with open_segment(data) as fd:
        objects = _native.read_objects(fd, b"".join(entry.key for entry in wanted), [entry.offset for entry in wanted])
    return [bytes(memoryview(content)) for content in objects]


def columns(found: _native.SegmentEntries) -> list[tuple[int, int, bytes, int]]:
    split = [found.keys()[start : start + 32] for start in range(0, 32 * len(found), 32)]
    return list(zip(found.offsets(), found.tags(), split, found.sizes(), strict=True))


def expected_columns(data: bytes) -> list[tuple[int, int, bytes, int]]:
    return [(entry.offset, entry.tag, entry.key, entry.size) for entry in twin.parse_segment(data)]


def recover(data: bytes) -> bytes:
    with open_segment(data) as fd:
        found = _native.find_entries(fd)
    return twin.MAGIC + b"".join(data[start:stop] for start, stop in found)


@given(segments)
def test_scan_finds_every_entry(data: bytes) -> None:
    found = scan(data)
    assert columns(found) == expected_columns(data)
    assert found.size_bytes == len(data)


@given(segments, st.data())
def test_any_damage_is_found(data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(data)))
    stop = draw.draw(st.integers(start, len(data)))
    damaged = data[:start] + draw.draw(st.binary(max_size=50)) + data[stop:]
    try:
        expected = expected_columns(damaged)
    except twin.Damaged as damage:
        with pytest.raises(IntegrityError, match=rf"offset {damage.args[0]}\b|empty"):
            scan(damaged)
    else:
        assert columns(scan(damaged)) == expected


def test_every_truncation_and_every_flipped_bit_is_found() -> None:
    first = twin.pack_entry(twin.PUT, b"k" * 32, b"some data")
    data = twin.pack_segment(first, twin.pack_entry(twin.DELETE, b"k" * 32), twin.pack_entry(twin.COMMIT))
    ends = {8, 8 + len(first), 8 + len(first) + 41}
    for length in range(len(data)):
        if length in ends:
            assert columns(scan(data[:length])) == expected_columns(data[:length])
        else:
            with pytest.raises(IntegrityError):
                scan(data[:length])
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IntegrityError):
            scan(bytes(damaged))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"BORG", "ends inside its magic"),
        (b"ATTICSEG" + twin.pack_entry(twin.COMMIT), "Attic"),
        (b"BORG_IDX", "wrong magic at offset 0"),
        (twin.pack_segment(b"\0" * 8), "offset 8: the file ends inside its header"),
        (twin.pack_segment(twin.pack_entry(3, b"k" * 32)), "offset 8: unknown tag 3"),
        (twin.pack_segment(twin.pack_entry(twin.PUT, b"k" * 31)), "offset 8: impossible size 40 for tag 0"),
        (twin.pack_segment(twin.pack_entry(twin.PUT, b"k" * 32, bytes(20 << 20))), "impossible size 20971561"),
        (twin.pack_segment(twin.pack_entry(twin.PUT, b"k" * 32)[:40]), "offset 8: the file ends inside its key"),
        (twin.pack_segment(twin.pack_entry(twin.PUT, b"k" * 32, b"abc")[:-1]), "offset 8: 1 of its 44 bytes are missing"),
        (
            twin.pack_segment(twin.pack_entry(twin.COMMIT), b"0000" + twin.pack_entry(twin.COMMIT)[4:]),
            "offset 17: wrong checksum",
        ),
    ],
)
def test_the_message_says_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(IntegrityError, match=reason):
        scan(data)


def test_entries_longer_than_the_window_are_verified_to_the_end() -> None:
    big = twin.pack_entry(twin.PUT, b"b" * 32, random.Random(1).randbytes(3_000_001))
    largest = twin.pack_entry(twin.PUT, b"l" * 32, bytes((20 << 20) - 41))
    data = twin.pack_segment(twin.pack_entry(twin.PUT, b"a" * 32, b"x"), big, largest, twin.pack_entry(twin.COMMIT))
    assert columns(scan(data)) == expected_columns(data)
    damaged = bytearray(data)
    damaged[8 + 42 + len(big) - 1] ^= 1
    with pytest.raises(IntegrityError, match="offset 50: wrong checksum"):
        scan(bytes(damaged))


def test_a_long_segment_is_read_in_several_places_and_its_first_damage_counts() -> None:
    entries = [twin.pack_entry(twin.PUT, bytes([number]) * 32, bytes([number]) * 900_000) for number in range(50)]
    data = bytearray(twin.pack_segment(*entries, twin.pack_entry(twin.DELETE, b"k" * 32), twin.pack_entry(twin.COMMIT)))
    assert columns(scan(bytes(data))) == expected_columns(bytes(data))
    places = [8 + number * len(entries[0]) for number in (45, 40, 20, 11)]
    for place in places:
        data[place + 100_000] ^= 1
        with pytest.raises(IntegrityError, match=f"offset {place}: wrong checksum"):
            scan(bytes(data))
    data[places[2] + 8] = 7
    with pytest.raises(IntegrityError, match=f"offset {places[3]}: wrong checksum"):
        scan(bytes(data))
    data[places[3] + 100_000] ^= 1
    with pytest.raises(IntegrityError, match=f"offset {places[2]}: unknown tag 7"):
        scan(bytes(data))
    with pytest.raises(IntegrityError, match=f"offset {places[3]}: .* are missing"):
        scan(bytes(data[: places[3] + 1000]))


def test_a_closed_descriptor_is_an_os_error() -> None:
    with open_segment(b"BORG_SEG") as fd:
        pass
    with pytest.raises(OSError, match="Bad file descriptor"):
        _native.scan_segment(fd)
    with pytest.raises(ValueError, match="no file descriptor"):
        _native.scan_segment(-1)


# -- reading objects ---------------------------------------------------------------------------------------------------


@given(segments, st.randoms(use_true_random=False))
def test_objects_come_in_the_order_asked_for(data: bytes, order: random.Random) -> None:
    wanted = [entry for entry in twin.parse_segment(data) if entry.tag == twin.PUT] * 2
    order.shuffle(wanted)
    assert read(data, wanted) == [entry.data for entry in wanted]


def test_objects_of_all_sizes_and_distances_are_read() -> None:
    source = random.Random(2)
    sizes = [0, 1, 64 * 1024 - 42, 64 * 1024 - 41, 64 * 1024 - 40, 5, 130_000, 7, 1_100_000, 9, (20 << 20) - 41, 3]
    data = twin.pack_segment(*[twin.pack_entry(twin.PUT, source.randbytes(32), source.randbytes(size)) for size in sizes])
    wanted = twin.parse_segment(data)
    for subset in (wanted, wanted[::2], wanted[1::2], wanted[::-1], wanted[-1:], wanted[3:4]):
        assert read(data, subset) == [entry.data for entry in subset]


def test_what_is_not_the_wanted_object_is_refused() -> None:
    put = twin.pack_entry(twin.PUT, b"k" * 32, b"data")
    data = twin.pack_segment(put, twin.pack_entry(twin.DELETE, b"k" * 32))
    entry = twin.parse_segment(data)[0]
    for wrong, reason in [
        (entry._replace(key=b"x" * 32), "not the one of object " + "78" * 32),
        (entry._replace(offset=8 + len(put)), "tag 1 instead of a PUT"),
        (entry._replace(offset=len(data)), "behind the end"),
        (entry._replace(offset=2**32 - 1), "behind the end"),
        (entry._replace(offset=9), "offset 9"),
    ]:
        with pytest.raises(IntegrityError, match=reason):
            read(data, [entry, wrong])
    for length in range(8, 8 + len(put)):
        with pytest.raises(IntegrityError):
            read(data[:length], [entry])
    for bit in range(64, 8 * (8 + len(put))):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IntegrityError):
            read(bytes(damaged), [entry])


def test_ids_and_offsets_must_be_equally_many() -> None:
    with open_segment(b"BORG_SEG") as fd:
        with pytest.raises(ValueError, match="1 ids with 2 offsets"):
            _native.read_objects(fd, bytes(32), [8, 9])
        with pytest.raises(ValueError, match="32 bytes each"):
            _native.read_objects(fd, bytes(31), [8])
        assert _native.read_objects(fd, b"", []) == []


# -- recovery ----------------------------------------------------------------------------------------------------------


@given(segments, st.data())
@example(twin.pack_segment(twin.pack_entry(twin.COMMIT)), None)
def test_recovery_keeps_exactly_the_valid_entries(data: bytes, draw: st.DataObject | None) -> None:
    if draw is not None:
        for _ in range(draw.draw(st.integers(0, 3))):
            start = draw.draw(st.integers(0, len(data)))
            stop = draw.draw(st.integers(start, len(data)))
            data = data[:start] + draw.draw(st.one_of(st.binary(max_size=30), entries)) + data[stop:]
    rebuilt = recover(data)
    assert rebuilt == twin.recover(data)
    scan(rebuilt)


@given(st.binary(max_size=40))
def test_recovery_of_anything_is_a_segment(data: bytes) -> None:
    assert recover(data) == twin.recover(data)


def test_recovery_finds_entries_across_many_remembered_checksums() -> None:
    source = random.Random(3)
    parts = [twin.pack_entry(twin.PUT, source.randbytes(32), source.randbytes(size)) for size in (5000, 4096, 100, 30000, 4055)]
    lost = source.randbytes(10_000)
    data = twin.pack_segment(parts[0], lost, parts[1], parts[2][:-1], parts[3], lost[:77], parts[4])
    assert recover(data) == twin.pack_segment(parts[0], parts[1], parts[3], parts[4])


def test_recovery_of_bytes_that_all_look_like_entries_is_quick() -> None:
    # Every 9th byte begins what may be a PUT of 1 MiB; hashing each to its end would be 120 GB.
    head = b"\x01\x01\x01\x01" + (1 << 20).to_bytes(4, "little") + b"\0"
    assert recover(head * ((2 << 20) // len(head))) == twin.MAGIC


# -- the recorded repository -------------------------------------------------------------------------------------------


def replayed(files: dict[str, Any]) -> _native.RepositoryIndex:
    index = _native.RepositoryIndex()
    numbered = sorted((int(name.rsplit("/", 1)[1]), name) for name in files if name.startswith("data/"))
    committed = max(int(name.partition(".")[2]) for name in files if name.startswith("index."))
    for number, name in numbered:
        if number <= committed:
            index.replay(scan(bytes.fromhex(files[name]["hex"])), number)
    return index


def test_replay_of_the_recorded_repository_gives_its_index() -> None:
    steps = json.loads((VECTORS / "repository_steps.json").read_text())["steps"]
    for step in steps:
        recorded = next(file for name, file in step["files"].items() if name.startswith("index."))
        used = {value[:64]: value[64:] for _, value, state in recorded["non_empty_buckets"] if state == "used"}
        index = replayed(step["files"])
        found = {}
        for id in index.ids():
            segment, offset = index.get(id) or (0, 0)
            found[id.hex()] = segment.to_bytes(4, "little").hex() + offset.to_bytes(4, "little").hex()
        assert found == used, step["desc"]


@given(st.lists(segments, max_size=4))
def test_replay_reports_what_was_superseded(parts: list[bytes]) -> None:
    index = _native.RepositoryIndex()
    model: dict[bytes, tuple[int, int]] = {}
    for number, data in enumerate(parts):
        superseded, deleted, sizes = [], [], []
        for entry in twin.parse_segment(data):
            if entry.tag == twin.PUT:
                sizes.append(entry.size)
                if entry.key in model:
                    superseded.append((entry.key, model[entry.key][0], entry.size))
                model[entry.key] = (number, entry.offset)
            elif entry.tag == twin.DELETE and entry.key in model:
                deleted.append((entry.key, *model.pop(entry.key)))
        replay = index.replay(scan(data), number)
        assert (replay.puts, replay.put_bytes) == (len(sizes), sum(sizes))
        assert (replay.superseded, replay.deleted) == (superseded, deleted)
    assert {id: index.get(id) for id in index.ids()} == model


# -- deleting ----------------------------------------------------------------------------------------------------------


@given(st.lists(keys, max_size=10))
def test_deletes_are_those_of_the_twin(chosen: list[bytes]) -> None:
    assert bytes(_native.encode_deletes(b"".join(chosen))) == b"".join(twin.pack_entry(twin.DELETE, key) for key in chosen)


@given(segments, st.data())
def test_sizes_are_those_of_puts_only(data: bytes, draw: st.DataObject) -> None:
    puts = [entry for entry in twin.parse_segment(data) if entry.tag == twin.PUT]
    wanted = draw.draw(st.lists(st.sampled_from(puts))) if puts else []
    with open_segment(data) as fd:
        assert _native.entry_sizes(fd, b"".join(entry.key for entry in wanted), [entry.offset for entry in wanted]) == [
            entry.size for entry in wanted
        ]
        for entry in twin.parse_segment(data):
            key = b"x" * 32 if entry.tag == twin.PUT else entry.key
            with pytest.raises(IntegrityError):
                _native.entry_sizes(fd, key.ljust(32, b"x"), [entry.offset])
        with pytest.raises(IntegrityError):
            _native.entry_sizes(fd, b"x" * 32, [len(data)])
