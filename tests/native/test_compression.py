"""Compressed chunks: recorded ones, those of other encoders, the rules of choice, and every kind of damage."""

from __future__ import annotations

import json
import lzma
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from reference import compression as twin
from vinculum import _native
from vinculum.errors import IntegrityError

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "golden" / "vectors" / "compression.json").read_bytes())
MAX_DATA = 20_971_479
PLAIN_SPECS = ["none", "lz4", "zlib", "zlib,0", "zlib,1", "zlib,9", "lzma,0", "lzma,6", "zstd", "zstd,1", "zstd,12"]
HEADERS = [b"\0\0", b"\1\0", b"\2\0", b"\3\0", b"\4\0", b"\x78\x9c", b"\x78\x01", b"\x08\x1d"]


def recorded_plaintext(name: str) -> bytes:
    value = VECTORS["plaintexts"][name]
    return bytes.fromhex(value) if isinstance(value, str) else bytes.fromhex(value["repeat"]) * value["bytes"]


def make_data(length: int, repeat: int, seed: int) -> bytes:
    """Noise of which every run comes `repeat` times: from incompressible to very compressible."""
    noise = random.Random(seed).randbytes(length)
    return b"".join(noise[start : start + 40] * repeat for start in range(0, length, 40))[:length]


contents = st.builds(make_data, st.integers(0, 30_000), st.sampled_from([1, 1, 2, 5, 100]), st.integers(0, 2**31))


def pack(spec: str, data: bytes) -> bytes:
    return bytes(_native.Compressor(spec).compress(data))


def unpack(stored: bytes | _native.Bytes) -> bytes:
    return bytes(_native.decompress(stored))


# -- specifications ----------------------------------------------------------------------------------------------------


def is_accepted(spec: str) -> bool:
    try:
        _native.Compressor(spec)
    except ValueError:
        return False
    return True


def test_recorded_specifications() -> None:
    assert len(VECTORS["spec_strings"]) >= 30
    for case in VECTORS["spec_strings"]:
        assert is_accepted(case["spec"]) == twin.is_valid(case["spec"]) == (case["result"] == "ok"), case


fields = st.sampled_from(
    ["none", "lz4", "zlib", "lzma", "zstd", "auto", "obfuscate", *map(str, range(-1, 26)), "110", "250", "", " 1"]
)


@settings(max_examples=500)
@given(st.lists(fields, min_size=1, max_size=6).map(",".join))
@example("obfuscate,110,obfuscate,1,none")
@example("obfuscate,3,auto,zstd,10")
@example("auto,auto,lz4")
@example("zstd,\N{FULLWIDTH DIGIT THREE}")
def test_specifications_equal_the_twin(spec: str) -> None:
    assert is_accepted(spec) == twin.is_valid(spec)


# -- round trips -------------------------------------------------------------------------------------------------------


def test_recorded_chunks() -> None:
    seen = 0
    for case in VECTORS["blobs"]:
        plain = recorded_plaintext(case["plaintext"])
        ours = pack(case["spec"], plain)
        assert ours[:2].hex() == case["header"], case["spec"]
        if "blob" in case:
            assert unpack(bytes.fromhex(case["blob"])) == plain
            seen += 1
    assert seen >= 100


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(PLAIN_SPECS), contents)
@example("lz4", b"")
@example("lz4", make_data(1, 1, 1))
@example("lz4", make_data(64 * 1024 - 1, 5, 1))
@example("lz4", make_data(64 * 1024, 5, 1))
@example("lz4", make_data(64 * 1024 + 3, 5, 1))
@example("zstd,22", make_data(64 * 1024 + 3, 5, 1))
@example("lzma,9", make_data(64 * 1024 + 3, 5, 1))
def test_everyone_reads_everyone(spec: str, data: bytes) -> None:
    ours, theirs = pack(spec, data), twin.compress(spec, data)
    assert unpack(ours) == twin.decompress(ours) == data
    assert unpack(theirs) == data
    if not spec.startswith("zlib"):
        assert len(ours) <= len(data) + 2
        # Encoders differ by some bytes, so only far from the border must both compress.
        if abs(len(theirs) - len(data)) > 20:
            assert ours[:2] == theirs[:2]


@pytest.mark.parametrize("spec", PLAIN_SPECS)
def test_large_chunks(spec: str) -> None:
    for data in (make_data(3_000_000, 3, 1), make_data(3_000_000, 1, 2), bytes(20_000_000)):
        assert unpack(pack(spec, data)) == data


def test_native_bytes_are_taken_as_well() -> None:
    data = make_data(100_000, 3, 1)
    stored = _native.Compressor("lz4").compress(data)
    assert unpack(stored) == data
    raw = _native.Compressor("none").compress(stored)
    assert bytes(_native.decompress(raw)) == bytes(stored)
    nested = _native.Compressor("obfuscate,110,none").compress(data)
    assert unpack(nested) == data


@pytest.mark.parametrize("spec", ["lz4", "zlib", "lzma,0", "zstd"])
def test_what_no_chunk_can_be_is_not_unpacked(spec: str) -> None:
    stored = pack(spec, bytes(MAX_DATA))
    assert len(_native.decompress(stored)) == MAX_DATA
    with pytest.raises(IntegrityError, match="too long"):
        _native.decompress(pack(spec, bytes(MAX_DATA + 1)))


@pytest.mark.parametrize("spec", ["lz4", "zlib", "lzma,0", "zstd"])
def test_a_manifest_may_be_longer_than_chunks(spec: str) -> None:
    """Of archives with long names, each with an id that nobody can compress."""
    noise = random.Random(1)
    name = "a name as long as nobody gives to any archive, " * 10
    manifest = b"".join(b"%s %09d %s" % (name.encode(), number, noise.randbytes(32)) for number in range(50_000))
    assert len(manifest) > MAX_DATA
    assert unpack(pack(spec, manifest)) == manifest


def test_level_9_of_lzma_has_the_memory_that_it_needs() -> None:
    assert unpack(b"\2\0" + lzma.compress(b"a" * 1000, check=lzma.CHECK_NONE, preset=9)) == b"a" * 1000


# -- choices -----------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(contents, st.sampled_from(["zstd,3", "zlib,6", "lzma,0", "none", "lz4"]))
@example(make_data(10_000, 1, 1) + bytes(300), "zstd,3")
@example(make_data(10_000, 1, 1) + bytes(310), "zlib,6")
def test_auto_takes_what_the_rule_says(data: bytes, inner: str) -> None:
    assert pack("auto," + inner, data) == twin.choose_auto(data, pack("lz4", data), pack(inner, data))


def test_auto_comes_to_each_result() -> None:
    noise, text = make_data(10_000, 1, 1), b"".join(b"line %d of a text\n" % number for number in range(2000))
    assert pack("auto,zstd,19", noise)[:2] == b"\0\0"
    assert pack("auto,zstd,19", text)[:2] == b"\3\0"
    assert pack("auto,lzma,0", b"ab" * 20)[:2] == b"\1\0"


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(twin.OBFUSCATIONS), st.sampled_from(["none", "lz4", "zlib,1", "auto,zstd"]), contents)
def test_obfuscation_pads_within_its_range(level: int, inner: str, data: bytes) -> None:
    plain = pack(inner, data)
    stored = pack(f"obfuscate,{level},{inner}", data)
    assert stored[:6] == b"\4\0" + len(plain).to_bytes(4, "big")
    assert stored[6 : 6 + len(plain)] == plain
    least, most = twin.padding_range(level, len(plain))
    assert least - 1 <= len(stored) - 6 - len(plain) <= most + 1
    assert unpack(stored) == data


def test_recorded_rounding() -> None:
    cases = VECTORS["padme_inner_length_to_padded_length"]
    assert len(cases) >= 17
    for inner, padded in cases:
        assert len(pack("obfuscate,250,none", bytes(inner - 2))) == 6 + padded


def test_padding_never_makes_an_object_too_large() -> None:
    for level in (6, 123, 250):
        for length in (20_900_000, twin.MAX_DATA - 1024 - 2, twin.MAX_DATA):
            assert len(pack(f"obfuscate,{level},none", bytes(length))) <= max(twin.MAX_DATA - 1024, length + 2) + 6


def test_padding_is_random() -> None:
    assert len({len(pack("obfuscate,123,none", b"same")) for _ in range(20)}) > 10


def test_obfuscation_nests() -> None:
    data = make_data(5000, 2, 1)
    assert unpack(pack("obfuscate,120,obfuscate,115,lz4", data)) == data
    deep = b"\0\0" + data
    for _ in range(100_000):
        deep = b"\4\0" + len(deep).to_bytes(4, "big") + deep
        if len(deep) > 400_000:
            break
    assert unpack(deep) == data


# -- damage ------------------------------------------------------------------------------------------------------------


def test_foreign_encoders() -> None:
    data = make_data(50_000, 4, 7)
    for check in (lzma.CHECK_NONE, lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256):
        assert unpack(b"\2\0" + lzma.compress(data, check=check)) == data
    assert unpack(b"\2\0" + lzma.compress(data, format=lzma.FORMAT_ALONE)) == data
    assert unpack(zlib.compress(data, 9, 9)) == data
    assert unpack(b"\3\0" + zstandard.ZstdCompressor(write_checksum=True).compress(data)) == data
    with pytest.raises(IntegrityError, match="content size"):
        unpack(b"\3\0" + zstandard.ZstdCompressor(write_content_size=False).compress(data))


@pytest.mark.parametrize(
    "stored", [b"", b"\0", b"\5\0", b"\0\1", b"\1\1", b"\x78\x9d", b"\4\0", b"\4\0\0\0\0", b"\4\0\0\0\0\3\0\0", b"\xff\xff"]
)
def test_impossible_headers(stored: bytes) -> None:
    with pytest.raises(IntegrityError):
        unpack(stored)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(HEADERS), st.binary(max_size=200))
def test_garbage_is_refused_or_read(header: bytes, garbage: bytes) -> None:
    try:
        unpack(header + garbage)
    except IntegrityError:
        return
    assert header == b"\0\0" or garbage


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["lz4", "zlib", "lzma,0", "zstd"]), contents, st.data())
def test_damage_never_gives_more_than_an_error(spec: str, data: bytes, draw: st.DataObject) -> None:
    stored = bytearray(pack(spec, data))
    assume(stored[:2] != b"\0\0")
    for _ in range(draw.draw(st.integers(1, 3))):
        stored[draw.draw(st.integers(2, len(stored) - 1))] ^= draw.draw(st.integers(1, 255))
    try:
        unpack(bytes(stored))
    except IntegrityError:
        pass


@settings(deadline=None)
@given(st.sampled_from(["lz4", "zlib", "lzma,0", "zstd"]), st.integers(1, 10**6))
def test_truncation_is_noticed(spec: str, cut: int) -> None:
    stored = pack(spec, make_data(20_000, 4, 1))
    shorter = stored[: max(2, len(stored) - 1 - cut % len(stored))]
    try:
        plain = unpack(shorter)
    except IntegrityError:
        return
    # A block of lz4 may happen to end at a sequence; it is shorter then.
    assert spec == "lz4"
    assert len(plain) < 20_000


def bombs() -> dict[str, bytes]:
    zstd_head = bytes.fromhex("28b52ffd") + b"\xe0" + (2**40).to_bytes(8, "little")
    return {
        "lz4": b"\1\0" + b"\x1fx\1\0" + b"\xff" * (5 << 20) + b"\0" + b"\x50hello",
        "zstd": b"\3\0" + zstd_head + b"\1\0\0",
    }


@pytest.mark.parametrize("name", ["lz4", "zstd"])
def test_bombs_do_not_explode(name: str) -> None:
    with pytest.raises(IntegrityError, match="too long"):
        unpack(bombs()[name])


def test_senseless_arguments() -> None:
    arguments: list[Any] = [None, "text", 5, bytearray(b"\0\0")]
    for argument in arguments:
        with pytest.raises(TypeError):
            _native.decompress(argument)
