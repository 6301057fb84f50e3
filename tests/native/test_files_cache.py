"""The files cache kernel: loading and saving against its twin, the recorded records, and damage.

Lookups and recording happen inside batches of files; their rules are tested in Rust and with the batch kernel.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.files_cache import Malformed, Record, load_and_save, pack_record
from vinculum import _native
from vinculum.errors import IntegrityError

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "golden" / "vectors" / "filescache.json").read_text())

ids = st.integers(0, 9).map(lambda number: bytes([number]) * 32)
naturals = st.one_of(st.integers(0, 300), st.integers(0, 2**32 + 1), st.integers(0, 2**64 - 1))
times = st.one_of(naturals, st.integers(-(2**63) - 2, 2**63 + 2), st.integers(-(2**127), 2**127 - 1))
records = st.builds(Record, ids, st.integers(0, 25), naturals, naturals, times, st.lists(ids, max_size=20))
files = st.lists(records.map(pack_record), max_size=6).map(b"".join)


def kernel_load_and_save(data: bytes, ttl: int = 20, mode: str = "cis") -> bytes:
    cache = _native.FilesCache(mode, ttl)
    cache.load(data)
    return bytes(memoryview(cache.save()))


@given(files, st.integers(-1, 25))
def test_records_age_and_expire_as_in_the_twin(data: bytes, ttl: int) -> None:
    assert kernel_load_and_save(data, ttl) == load_and_save(data, ttl)


@given(files, st.data())
def test_any_damage_is_an_error_or_a_valid_cache(data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(data)))
    stop = draw.draw(st.integers(start, len(data)))
    damaged = data[:start] + draw.draw(st.binary(max_size=20)) + data[stop:]
    agree(damaged)


def agree(data: bytes) -> None:
    """The kernel refuses exactly what its twin refuses."""
    try:
        expected = load_and_save(data, 20)
    except Malformed:
        with pytest.raises(IntegrityError, match=r"files cache: .* at byte"):
            kernel_load_and_save(data)
    else:
        assert kernel_load_and_save(data) == expected


def test_every_truncation_and_every_flipped_bit_is_handled_as_by_the_twin() -> None:
    data = b"".join(bytes.fromhex(recorded["record"]) for recorded in VECTORS["records"])
    for length in range(len(data)):
        agree(data[:length])
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        agree(bytes(damaged))


def test_the_recorded_records_survive_older_by_one() -> None:
    recorded = VECTORS["records"]
    cache = _native.FilesCache("cis", 100)
    cache.load(b"".join(bytes.fromhex(record["record"]) for record in recorded))
    assert len(cache) == len(recorded)
    unpacker = msgpack.Unpacker(raw=True)
    unpacker.feed(memoryview(cache.save()))
    found = [
        {
            "path_hash": path_hash.hex(),
            "age": age - 1,
            "inode": inode,
            "size": size,
            "cmtime": cmtime,
            "chunk_ids": [id.hex() for id in ids],
        }
        for path_hash, (age, inode, size, cmtime, ids) in unpacker
    ]
    assert found == [{name: value for name, value in record.items() if name != "record"} for record in recorded]


def test_other_encodings_are_accepted_and_normalised() -> None:
    id = b"\xda\x00\x20" + b"i" * 32
    record = b"\xdc\x00\x02" + b"\xd9\x20" + b"i" * 32 + b"\xdd\x00\x00\x00\x05"
    record += b"\xd0\x01" + b"\xcf" + bytes(7) + b"\x07" + b"\xd3" + bytes(7) + b"\x08" + b"\xa1\x09"
    record += b"\xdc\x00\x01" + b"\xdb\x00\x00\x00\x20" + b"i" * 32
    assert kernel_load_and_save(record) == b"\x92" + id + b"\x95\x02\x07\x08\x09\x91" + id


def test_a_malformed_file_leaves_the_cache_as_it_was() -> None:
    good = bytes.fromhex(VECTORS["records"][0]["record"])
    cache = _native.FilesCache("cis", 20)
    cache.load(good)
    with pytest.raises(IntegrityError, match=f"unexpected end at byte .* of {2 * len(good) - 1}"):
        cache.load((good + good)[:-1])
    assert len(cache) == 1


def test_a_claimed_length_beyond_the_file_is_refused_at_once() -> None:
    good = bytes.fromhex(VECTORS["records"][2]["record"])
    assert good[-1] == 0x90
    with pytest.raises(IntegrityError, match="unexpected end"):
        kernel_load_and_save(good[:-1] + b"\xdd\xff\xff\xff\xff")


def test_many_records_are_all_kept_in_order() -> None:
    data = b"".join(
        pack_record(
            Record(number.to_bytes(32, "little"), 0, number, number, number, [number.to_bytes(32, "big")] * (number % 4))
        )
        for number in range(20_000)
    )
    assert kernel_load_and_save(data) == load_and_save(data, 20)


def test_disabled_loads_nothing() -> None:
    assert kernel_load_and_save(bytes.fromhex(VECTORS["records"][0]["record"]), mode="d") == b""


@pytest.mark.parametrize("mode", ["", "x", "cm", "ci"])
def test_modes_that_make_no_sense_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match="files cache mode"):
        _native.FilesCache(mode, 20)
