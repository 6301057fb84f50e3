"""CRC-32 and XXH64 against their twins and the recorded values."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from reference import checksums as twin
from vinculum import _native

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "golden" / "vectors" / "integrity.json").read_bytes())


def xxh64(*pieces: bytes) -> str:
    running = _native.Xxh64()
    for piece in pieces:
        running.update(piece)
    return running.hexdigest()


def test_recorded_values() -> None:
    assert len(VECTORS["xxh64"]) >= 5
    for case in VECTORS["xxh64"]:
        assert xxh64(bytes.fromhex(case["data"])) == twin.xxh64(bytes.fromhex(case["data"])) == case["xxh64"]
    assert len(VECTORS["crc32"]) >= 3
    for case in VECTORS["crc32"]:
        assert f"{_native.crc32(bytes.fromhex(case['data'])):08x}" == case["crc32"]


def label(text: str) -> bytes:
    return f"{len(text):10}{text}".encode()


def test_digests_of_integrity_strings() -> None:
    """Integrity strings record the running digest of the labelled parts of a file."""
    assert len(VECTORS["files"]) >= 5
    for case in VECTORS["files"]:
        running = _native.Xxh64()
        running.update(label(case["file_name"]))
        recorded = json.loads(case["integrity_string"])["digests"]
        content = bytes.fromhex(case["content"])
        start = 0
        for part, end in [*case["parts"], ("final", len(content))]:
            running.update(content[start:end])
            running.update(label(part) + str(end).encode())
            assert running.hexdigest() == recorded[part]
            start = end


@given(st.lists(st.binary(max_size=100), max_size=5))
@example([bytes(64 * 1024 - 1)])
@example([bytes(64 * 1024)])
@example([b"\xff" * (64 * 1024 + 3), b"x"])
def test_pieces_equal_the_twin_of_the_whole(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert xxh64(*pieces) == twin.xxh64(whole)
    crc = 0
    for piece in pieces:
        crc = _native.crc32(piece, crc)
    assert crc == twin.crc32(whole)


def test_digest_in_between_does_not_disturb() -> None:
    running = _native.Xxh64()
    running.update(b"first")
    assert running.hexdigest() == twin.xxh64(b"first")
    running.update(b"second")
    assert running.hexdigest() == twin.xxh64(b"firstsecond")
