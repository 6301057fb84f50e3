"""Sealing and opening against the twin and the recorded envelopes; counters; everything an attacker may change."""

from __future__ import annotations

import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import crypto as twin
from reference.compression import MAX_DATA
from vinculum import _native
from vinculum.errors import IntegrityError

VECTORS = Path(__file__).resolve().parents[1] / "golden" / "vectors"
ENC_KEY = bytes(range(32))


class Suite(NamedTuple):
    """A way to protect objects, with keys of its own."""

    cipher: _native.CipherKind
    enc_key: bytes
    mac_key: bytes
    ids: _native.IdKind
    id_key: bytes
    overhead: int

    @property
    def hasher(self) -> _native.IdHasher:
        return _native.IdHasher(self.ids, self.id_key)

    def sealer(self, spec: str, type_byte: int = 3) -> _native.Sealer:
        return _native.Sealer(type_byte, self.cipher, self.enc_key, self.mac_key, _native.Compressor(spec))

    def opener(self, type_bytes: bytes = b"\3", verify: bool = True) -> _native.Opener:
        return _native.Opener(type_bytes, self.cipher, self.enc_key, self.mac_key, self.hasher if verify else None)

    def batch(self, buffers: list[bytes]) -> _native.ChunkBatch:
        return _native.ChunkBatch.of([*buffers], self.hasher)


SUITES = [
    Suite("none", b"", b"", "sha256", b"", 1),
    Suite("none", b"", b"", "blake2b", b"i" * 64 + bytes(64), 1),
    Suite("aes-ctr-hmac-sha256", ENC_KEY, b"m" * 32, "hmac-sha256", b"i" * 32, 41),
    Suite("aes-ctr-blake2b", ENC_KEY, b"m" * 64 + bytes(64), "blake2b", b"i" * 64 + bytes(64), 41),
]
ENCRYPTED = SUITES[2:]
suites = st.sampled_from(SUITES)
SPECS = [
    "none",
    "lz4",
    "zlib,1",
    "zlib,0",
    "lzma,0",
    "zstd,1",
    "auto,zlib",
    "obfuscate,250,lz4",
    "obfuscate,110,none",
    "obfuscate,3,zlib",
]


def make_data(length: int, kind: int) -> bytes:
    return random.Random(length).randbytes(length) if kind else (b"%d " % length * (length // 2 + 1))[:length]


contents = st.builds(make_data, st.one_of(st.integers(0, 300), st.integers(0, 100_000)), st.integers(0, 1))


def joined(pieces: list[_native.Bytes]) -> bytes:
    return b"".join(map(bytes, pieces))


def objects(sealed: _native.SealedBatch) -> list[bytes]:
    return [bytes(sealed.object(index)) for index in range(len(sealed))]


def split(ids: bytes) -> list[bytes]:
    return [ids[start : start + 32] for start in range(0, len(ids), 32)]


# -- sealing -----------------------------------------------------------------------------------------------------------


def test_recorded_envelopes() -> None:
    recorded = json.loads((VECTORS / "envelopes.json").read_bytes())
    assert len(recorded["envelopes"]) >= 30
    for case in recorded["envelopes"]:
        keys = {
            name: bytes.fromhex(str(value))
            for name, value in recorded["key_material"].get(case["keys"], {}).items()
            if name != "chunk_seed"
        }
        ids: _native.IdKind = "sha256" if not keys else "blake2b" if case["keys"] == "blake2" else "hmac-sha256"
        hasher = _native.IdHasher(ids, keys.get("id_key", b""))
        cipher: _native.CipherKind = "aes-ctr-blake2b" if case["keys"] == "blake2" else "aes-ctr-hmac-sha256"
        protection: tuple[_native.CipherKind, bytes, bytes] = ("none", b"", b"")
        if case["iv"] is not None:
            protection = (cipher, keys["enc_key"], keys["enc_hmac_key"])
        batch = _native.ChunkBatch.of([bytes.fromhex(case["plaintext"])], hasher)
        assert batch.ids().hex() == case["id"]
        sealer = _native.Sealer(case["type"], *protection, _native.Compressor(case["compression"]))
        sealed = sealer.seal(batch, int(case["iv"] or 0))
        assert objects(sealed)[0].hex() == case["object"], case["mode"]
        plain = _native.Opener(bytes([case["type"]]), *protection, hasher).open(bytes.fromhex(case["object"]), batch.ids())
        assert bytes(plain).hex() == case["plaintext"]


@settings(deadline=None, max_examples=150)
@given(suites, st.sampled_from(SPECS), st.lists(contents, max_size=8), st.integers(0, 2**63))
def test_sealed_batches_equal_the_twin(suite: Suite, spec: str, buffers: list[bytes], first: int) -> None:
    chunks = suite.batch(buffers)
    sealer = suite.sealer(spec)
    bound = sealer.counters(chunks)
    sealed = sealer.seal(chunks, first)
    ids = split(chunks.ids())
    assert sealed.ids() == chunks.ids()
    stored = objects(sealed)
    assert sealed.sizes() == [len(one) for one in stored]
    assert joined(sealed.entries(0, len(sealed))) == b"".join(map(twin.entry, ids, stored))

    used: list[range] = []
    for one in stored:
        payload = twin.open_envelope(b"\3", suite.cipher, suite.enc_key, suite.mac_key, one)
        assert len(one) == len(payload) + suite.overhead
        iv = int.from_bytes(one[33:41], "big") if suite in ENCRYPTED else 0
        assert twin.seal(3, suite.cipher, suite.enc_key, suite.mac_key, payload, iv) == one
        used.append(range(iv, iv + -(-len(payload) // 16)))
    if suite in ENCRYPTED:
        assert all(one.stop <= other.start for one, other in pairwise(used)), "counters used twice"
        assert all(first <= one.start and one.stop <= first + bound for one in used)
    else:
        assert bound == 0

    opener = suite.opener()
    assert [bytes(plain) for plain in opener.open_many([*stored], chunks.ids())] == buffers
    assert [bytes(opener.open(one, id)) for one, id in zip(stored, ids, strict=True)] == buffers


@pytest.mark.parametrize(
    "spec", [f"zlib,{level}" for level in range(10)] + ["none", "lz4", "zstd,22", "lzma,9", "obfuscate,6,zlib,0"]
)
@pytest.mark.parametrize("length", [0, 1, 2, 14, 15, 30, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 3, 1_500_000])
def test_counters_suffice_whatever_the_data(spec: str, length: int) -> None:
    """No content may get longer than was foreseen: seal would refuse it."""
    suite = ENCRYPTED[0]
    high = bytes(128 + byte % 128 for byte in make_data(length, 1))  # the longest codes of static Huffman trees
    for data in (make_data(length, 1), high):
        chunks = suite.batch([data])
        sealed = suite.sealer(spec).seal(chunks, 5)
        assert (sealed.sizes()[0] - 41 + 15) // 16 <= suite.sealer(spec).counters(chunks)
        assert bytes(suite.opener().open(sealed.object(0), chunks.ids())) == data


@pytest.mark.parametrize("suite", SUITES)
def test_threads_share_a_sealer_and_an_opener(suite: Suite) -> None:
    sealer, opener = suite.sealer("lz4"), suite.opener()
    batches = [suite.batch([make_data(90_000 + number * 10 + index, index % 2) for index in range(7)]) for number in range(6)]
    alone = [joined(sealer.seal(batch, 1000).entries(0, 7)) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        sealed = list(pool.map(lambda batch: sealer.seal(batch, 1000), batches))
        opened = list(pool.map(lambda one: opener.open_many([one.object(index) for index in range(7)], one.ids()), sealed))
    assert [joined(one.entries(0, 7)) for one in sealed] == alone
    for batch, plains in zip(batches, opened, strict=True):
        assert [bytes(plain) for plain in plains] == [bytes(batch.data(index)) for index in range(7)]


@pytest.mark.parametrize("suite", SUITES)
def test_the_largest_object(suite: Suite) -> None:
    sealer = suite.sealer("none")
    largest = MAX_DATA - suite.overhead - 2
    sealed = sealer.seal(suite.batch([bytes(largest)]), 0)
    assert sealed.sizes() == [MAX_DATA]
    assert len(joined(sealed.entries(0, 1))) == 20 * 1024 * 1024
    with pytest.raises(ValueError, match="too large"):
        sealer.seal(suite.batch([bytes(largest + 1)]), 0)


def test_counters_run_out_before_they_wrap() -> None:
    suite = ENCRYPTED[0]
    chunks = suite.batch([bytes(14), bytes(15)])
    sealer = suite.sealer("none")
    assert sealer.counters(chunks) == 3
    last = sealer.seal(chunks, 2**64 - 4)
    assert objects(last)[1][33:41].hex() == "fffffffffffffffd"
    with pytest.raises(ValueError, match="used up"):
        sealer.seal(chunks, 2**64 - 3)
    with pytest.raises(OverflowError):
        sealer.seal(chunks, 2**64)


# -- segment entries ---------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 300), min_size=1, max_size=9), st.integers(0, 10), st.integers(8, 5000), st.integers(0, 5000))
def test_fit_and_offsets(sizes: list[int], start: int, offset: int, limit: int) -> None:
    suite = SUITES[0]
    start %= len(sizes)
    sealed = suite.sealer("none").seal(suite.batch([bytes(size) for size in sizes]), 0)
    begins = list(accumulate((41 + 3 + size for size in sizes[start:]), initial=offset))[:-1]
    stop = start + sum(begin <= limit for begin in begins)
    assert sealed.fit(start, offset, limit) == stop
    assert sealed.offsets(start, stop, offset) == begins[: stop - start]
    ids = split(sealed.ids())
    assert joined(sealed.entries(start, stop)) == b"".join(map(twin.entry, ids[start:stop], objects(sealed)[start:stop]))


def test_parts_of_a_batch_are_clamped() -> None:
    suite = SUITES[0]
    sealed = suite.sealer("none").seal(suite.batch([b"a", b"b"]), 0)
    assert len(joined(sealed.entries(5, 9))) == len(joined(sealed.entries(1, 0))) == 0
    assert sealed.offsets(2, 2, 8) == []
    with pytest.raises(ValueError, match="no object 2"):
        sealed.object(2)
    empty = suite.sealer("none").seal(suite.batch([]), 0)
    assert (len(empty), empty.ids(), empty.sizes(), empty.fit(0, 8, 100), len(joined(empty.entries(0, 1)))) == (
        0,
        b"",
        [],
        0,
        0,
    )


def test_what_is_sealed_can_be_scanned(tmp_path: Path) -> None:
    suite = ENCRYPTED[1]
    sealed = suite.sealer("lz4").seal(suite.batch([b"one", b"two" * 100_000]), 7)
    (tmp_path / "segment").write_bytes(b"BORG_SEG" + joined(sealed.entries(0, 2)))
    with open(tmp_path / "segment", "rb") as file:
        entries = _native.scan_segment(file.fileno())
        assert (entries.keys(), entries.offsets()) == (sealed.ids(), sealed.offsets(0, 2, 8))
        read = _native.read_objects(file.fileno(), sealed.ids(), entries.offsets())
    assert [bytes(one) for one in read] == objects(sealed)


# -- opening -----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(suites, st.binary(max_size=100), st.data())
def test_any_change_is_noticed(suite: Suite, plain: bytes, data: st.DataObject) -> None:
    chunks = suite.batch([plain])
    stored = bytearray(objects(suite.sealer("none").seal(chunks, 9))[0])
    place = data.draw(st.integers(0, len(stored) - 1))
    stored[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(IntegrityError, match=chunks.ids().hex()):
        suite.opener().open(bytes(stored), chunks.ids())


@pytest.mark.parametrize("suite", SUITES)
def test_truncation_is_noticed(suite: Suite) -> None:
    chunks = suite.batch([b"plaintext"])
    stored = objects(suite.sealer("none").seal(chunks, 9))[0]
    for length in range(len(stored)):
        with pytest.raises(IntegrityError, match=chunks.ids().hex()):
            suite.opener().open(stored[:length], chunks.ids())


@pytest.mark.parametrize("suite", SUITES)
def test_an_object_of_another_id_is_refused(suite: Suite) -> None:
    chunks = suite.batch([b"one", b"two"])
    sealed = suite.sealer("lz4").seal(chunks, 9)
    one, two = split(chunks.ids())
    with pytest.raises(IntegrityError, match=f"{two.hex()}.*does not match the id"):
        suite.opener().open(sealed.object(0), two)
    with pytest.raises(IntegrityError, match=one.hex()):
        suite.opener().open_many([sealed.object(1), sealed.object(0)], one + two)
    assert bytes(suite.opener().open(sealed.object(0), None)) == b"one"
    assert bytes(suite.opener(verify=False).open(sealed.object(0), two)) == b"one"
    assert [bytes(plain) for plain in suite.opener(verify=False).open_many([sealed.object(0)], two)] == [b"one"]


@pytest.mark.parametrize("suite", SUITES)
def test_many_report_the_first_bad_one(suite: Suite) -> None:
    buffers = [make_data(100_000 + index, 1) for index in range(12)]
    chunks = suite.batch(buffers)
    stored = objects(suite.sealer("lz4").seal(chunks, 9))
    for bad in (5, 9):
        stored[bad] = stored[bad][:-1] + bytes([stored[bad][-1] ^ 1])
    with pytest.raises(IntegrityError, match=split(chunks.ids())[5].hex()):
        suite.opener().open_many([*stored], chunks.ids())
    with pytest.raises(ValueError, match="12 objects with 11 ids"):
        suite.opener().open_many([*stored], chunks.ids()[32:])


@pytest.mark.parametrize("suite", SUITES)
def test_payload_types(suite: Suite) -> None:
    chunks = suite.batch([b"plain"])
    stored = objects(suite.sealer("none", type_byte=1).seal(chunks, 0))[0]
    assert bytes(suite.opener(b"\3\1").open(stored, chunks.ids())) == b"plain"
    with pytest.raises(IntegrityError, match="unsupported payload type 0x01"):
        suite.opener(b"\3").open(stored, chunks.ids())


def test_keys_of_wrong_length() -> None:
    compressor = _native.Compressor("none")
    wrong: list[tuple[_native.CipherKind, int, int]] = [
        ("none", 32, 0),
        ("none", 0, 32),
        ("aes-ctr-hmac-sha256", 31, 32),
        ("aes-ctr-hmac-sha256", 32, 128),
        ("aes-ctr-blake2b", 32, 32),
        ("aes-ctr-blake2b", 0, 128),
        ("rot13", 32, 32),  # type: ignore[list-item]
    ]
    for cipher, enc_key, mac_key in wrong:
        with pytest.raises(ValueError, match=r"key|cipher"):
            _native.Sealer(0, cipher, bytes(enc_key), bytes(mac_key), compressor)
        with pytest.raises(ValueError, match=r"key|cipher"):
            _native.Opener(b"\0", cipher, bytes(enc_key), bytes(mac_key), None)


# -- AES ---------------------------------------------------------------------------------------------------------------


def test_nist_vector() -> None:
    """SP 800-38A, F.5.5."""
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    counter = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    expected = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
    assert _native.aes256_ctr(key, counter, plain).hex() == expected


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**127), st.sampled_from([0, 1, 15, 16, 17, 500, 64 * 1024 + 3]))
def test_aes_equals_the_twin(key: bytes, counter: int, length: int) -> None:
    data, block = os.urandom(length), counter.to_bytes(16, "big")
    encrypted = _native.aes256_ctr(key, block, data)
    assert encrypted == twin.aes256_ctr(key, block, data)
    assert _native.aes256_ctr(key, block, encrypted) == data


def test_aes_carries_over_64_bits() -> None:
    counter = bytes(8) + b"\xff" * 8
    assert _native.aes256_ctr(ENC_KEY, counter, bytes(64)) == twin.aes256_ctr(ENC_KEY, counter, bytes(64))


def test_aes_arguments() -> None:
    for key, counter in [(31, 16), (33, 16), (32, 15), (32, 17), (16, 16)]:
        with pytest.raises(ValueError, match="must have"):
            _native.aes256_ctr(bytes(key), bytes(counter), b"")


# -- sealing again -----------------------------------------------------------------------------------------------------


def stored_objects(suite: Suite, chunks: _native.ChunkBatch, spec: str) -> list[_native.Bytes]:
    sealed = suite.sealer(spec).seal(chunks, 7)
    return [sealed.object(index) for index in range(len(sealed))]


@given(suites, st.lists(st.binary(max_size=200), max_size=20))
def test_a_batch_is_opened_with_its_ids(suite: Suite, buffers: list[bytes]) -> None:
    chunks = suite.batch(buffers)
    opened = suite.opener().open_batch(stored_objects(suite, chunks, "lz4"), chunks.ids()).wait()
    assert opened.ids() == chunks.ids()
    assert [bytes(opened.data(index)) for index in range(len(opened))] == buffers


MIXED = [b"compressible " * 50, random.Random(1).randbytes(600), b"x", bytes(100_000), random.Random(2).randbytes(300_000)]


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: f"{suite.cipher} {suite.ids}")
def test_objects_packed_otherwise_are_found(suite: Suite) -> None:
    """Levels do not count, and what cannot be compressed is stored alike by all methods but zlib."""
    chunks = suite.batch(MIXED)
    compressible, all_of_them = [0, 3], [0, 1, 2, 3, 4]
    for stored, wanted, others in (
        ("lz4", "lz4", []),
        ("lz4", "zstd", compressible),
        ("zstd,1", "zstd,9", []),
        ("lzma,1", "lz4", compressible),
        ("none", "lz4", compressible),
        ("none", "none", []),
        ("lz4", "none", compressible),
        ("lz4", "zlib", all_of_them),
        ("zlib,1", "zlib,9", []),
        ("zlib", "zstd", all_of_them),
        ("lz4", "auto,zstd", compressible),
        ("zstd", "auto,zstd", []),
        ("lzma,1", "lzma,6", []),
        ("obfuscate,110,lz4", "lz4", all_of_them),
        ("obfuscate,110,lz4", "obfuscate,250,zstd", []),
        ("lz4", "obfuscate,110,lz4", all_of_them),
        ("lz4", "auto,auto,lz4", compressible),
    ):
        objects = stored_objects(suite, chunks, stored)
        found = suite.opener().packed_otherwise(objects, chunks, _native.Compressor(wanted))
        expected = b"".join(chunks.ids()[index * 32 : index * 32 + 32] for index in others)
        assert found.ids() == expected, (stored, wanted)


@pytest.mark.parametrize("suite", ENCRYPTED, ids=lambda suite: suite.cipher)
def test_nothing_is_said_about_objects_that_are_not_authentic(suite: Suite) -> None:
    chunks = suite.batch(MIXED[:1])
    (stored,) = stored_objects(suite, chunks, "lz4")
    forged = bytearray(bytes(stored))
    forged[-1] ^= 1
    opener, lz4 = suite.opener(), _native.Compressor("lz4")
    for damaged in (bytes(forged), b"", b"\3", bytes(stored)[:41]):
        with pytest.raises(IntegrityError):
            opener.packed_otherwise([_native.Compressor("none").compress(damaged).slice(2, 2 + len(damaged))], chunks, lz4)
    with pytest.raises(ValueError, match="0 objects"):
        opener.packed_otherwise([], chunks, lz4)
