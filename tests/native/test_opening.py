"""Opening objects: any change is noticed, and the first bad one is named; those packed otherwise are found."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.suites import ENCRYPTED, SUITES, Suite, make_data, objects, suites
from vinculum import _native
from vinculum.errors import IntegrityError
from vinculum.formats.ids import split_ids


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
    one, two = split_ids(chunks.ids())
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
    with pytest.raises(IntegrityError, match=split_ids(chunks.ids())[5].hex()):
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
