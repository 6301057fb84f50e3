from __future__ import annotations

from typing import Any

import pytest

from support.keys import key_of, vectors
from vinculum._native import ChunkBatch, Compressor
from vinculum.errors import Error, IntegrityError
from vinculum.keys.key import Key
from vinculum.keys.modes import MODES
from vinculum.objects.codec import ObjectCodec
from vinculum.objects.limits import MAX_DATA

ENVELOPES = [case for case in vectors("envelopes")["envelopes"] if case["mode"] != "passphrase"]
OLD_ENVELOPES = [case for case in vectors("envelopes")["envelopes"] if case["mode"] == "passphrase"]


class Counting:
    """Counters from a given one on; remembers every range."""

    def __init__(self, first: int = 0) -> None:
        self.next = first
        self.ranges: list[tuple[int, int]] = []

    def allocate(self, count: int) -> int:
        start, self.next = self.next, self.next + count
        self.ranges.append((start, count))
        return start


def codec_of(key: Key, compression: str = "lz4", counters: Counting | None = None) -> ObjectCodec:
    return ObjectCodec(key, counters or Counting(), Compressor(compression))


def name_of(case: dict[str, Any]) -> str:
    return f"{case['mode']}-{case['compression']}-{len(case['plaintext']) // 2}"


@pytest.mark.parametrize("case", ENVELOPES, ids=name_of)
def test_vectors_open_and_are_sealed_alike(case: dict[str, Any]) -> None:
    counters = Counting(case["iv"] or 0)
    codec = codec_of(key_of(case["mode"]), case["compression"], counters)
    plaintext, stored, id = (bytes.fromhex(case[name]) for name in ("plaintext", "object", "id"))
    assert bytes(codec.open(stored, id)) == plaintext
    if not case["compression"].startswith("zlib"):  # whose output is the library's own business
        sealed_id, sealed = codec.seal_object(plaintext)
        assert (sealed_id, bytes(sealed.object(0))) == (id, stored)


@pytest.mark.parametrize("case", OLD_ENVELOPES, ids=name_of)
def test_repokey_opens_what_the_passphrase_mode_left(case: dict[str, Any]) -> None:
    stored, id = bytes.fromhex(case["object"]), bytes.fromhex(case["id"])
    assert stored[0] == 0x01
    assert bytes(codec_of(key_of("repokey")).open(stored, id)).hex() == case["plaintext"]
    for mode in ("keyfile", "repokey-blake2"):
        with pytest.raises(IntegrityError):
            codec_of(key_of(mode)).open(stored, id)


@pytest.mark.parametrize("case", vectors("ids")["ids"], ids=lambda case: f"{case['mode']}-{len(case['plaintext']) // 2}")
def test_ids_follow_the_vectors(case: dict[str, Any]) -> None:
    key = key_of({"passphrase": "repokey"}.get(case["mode"], case["mode"]))
    assert key.hasher.digest(bytes.fromhex(case["plaintext"])).hex() == case["id"]


@pytest.mark.parametrize("mode", MODES)
def test_batches_survive_in_every_mode(mode: str) -> None:
    key = key_of(mode)
    buffers = [b"", b"x" * 1000, bytes(range(256)) * 300]
    codec = codec_of(key)
    sealed = codec.seal(ChunkBatch.of([*buffers], key.hasher))
    opened = codec.open_many([sealed.object(index) for index in range(len(sealed))], sealed.ids())
    assert [bytes(one) for one in opened] == buffers
    assert {bytes(sealed.object(index))[0] for index in range(3)} == {MODES[mode].type_byte}


@pytest.mark.parametrize("mode", MODES)
def test_only_encryption_takes_counters(mode: str) -> None:
    key, counters = key_of(mode), Counting(100)
    codec = ObjectCodec(key, counters, Compressor("none"))
    codec.seal_object(b"x" * 64)
    codec.seal_object(b"x" * 64)
    if MODES[mode].encrypts:
        assert len(counters.ranges) == 2
        assert all(count * 16 >= 64 + 2 for _, count in counters.ranges)
    else:
        assert counters.ranges == []


def test_reading_takes_no_counters() -> None:
    key = key_of("repokey")
    id, sealed = codec_of(key).seal_object(b"hello")
    reader = ObjectCodec(key, None, Compressor("lz4"))
    assert bytes(reader.open(sealed.object(0), id)) == b"hello"
    with pytest.raises(Error, match="only reads"):
        reader.seal_object(b"hello")


def test_opening_does_not_influence_the_next_counter() -> None:
    key, counters = key_of("repokey"), Counting(1000)
    codec = ObjectCodec(key, counters, Compressor("none"))
    id, old = codec_of(key, counters=Counting(5)).seal_object(b"x" * 100)
    codec.open(old.object(0), id)
    _, sealed = codec.seal_object(b"y")
    assert int.from_bytes(bytes(sealed.object(0))[33:41], "big") == 1000


@pytest.mark.parametrize("mode", MODES)
def test_object_under_another_id_is_refused(mode: str) -> None:
    codec = codec_of(key_of(mode))
    _, sealed = codec.seal_object(b"hello")
    with pytest.raises(IntegrityError):
        codec.open(sealed.object(0), bytes(32))
    assert bytes(codec.open(sealed.object(0), None)) == b"hello"


def test_object_that_cannot_be_stored_is_refused_with_its_name() -> None:
    codec = codec_of(key_of("repokey"), "none")
    largest = MAX_DATA - 41 - 2
    assert codec.seal_object(bytes(largest))[1].sizes() == [MAX_DATA]
    with pytest.raises(Error, match=r"The archive .* too big"):
        codec.seal_object(bytes(largest + 1), "The archive")
    codec_of(key_of("repokey"), "lz4").seal_object(bytes(largest + 1))  # its size when stored is what counts
