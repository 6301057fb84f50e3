"""Sealing chunks: the bytes of the twin and of real Borg, counters that suffice, entries that go into segments as they are."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import crypto as twin
from reference.compression import MAX_DATA
from support.suites import ENCRYPTED, SUITES, Suite, make_data, objects, suites
from vinculum import _native
from vinculum.formats.ids import split_ids

VECTORS = Path(__file__).resolve().parents[1] / "golden" / "vectors"
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
contents = st.builds(make_data, st.one_of(st.integers(0, 300), st.integers(0, 100_000)), st.integers(0, 1))


def joined(pieces: list[_native.Bytes]) -> bytes:
    return b"".join(map(bytes, pieces))


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
    ids = split_ids(chunks.ids())
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


@given(st.lists(st.integers(0, 300), min_size=1, max_size=9), st.integers(0, 10), st.integers(8, 5000), st.integers(0, 5000))
def test_fit_and_offsets(sizes: list[int], start: int, offset: int, limit: int) -> None:
    suite = SUITES[0]
    start %= len(sizes)
    sealed = suite.sealer("none").seal(suite.batch([bytes(size) for size in sizes]), 0)
    begins = list(accumulate((41 + 3 + size for size in sizes[start:]), initial=offset))[:-1]
    stop = start + sum(begin <= limit for begin in begins)
    assert sealed.fit(start, offset, limit) == stop
    assert sealed.offsets(start, stop, offset) == begins[: stop - start]
    ids = split_ids(sealed.ids())
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
