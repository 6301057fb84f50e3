"""Ids against hashlib and the recorded ones; one by one, many at once, in threads."""

from __future__ import annotations

import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import hashing as twin
from vinculum import _native

VECTORS = Path(__file__).resolve().parents[1] / "golden" / "vectors"
KEYS: dict[_native.IdKind, bytes] = {"sha256": b"", "hmac-sha256": bytes(range(32)), "blake2b": bytes(range(64)) + bytes(64)}
KIND_OF_KEYS: dict[str | None, _native.IdKind] = {None: "sha256", "hmac": "hmac-sha256", "blake2": "blake2b"}
SIZES = [0, 1, 55, 56, 63, 64, 127, 128, 129, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 3, 300_000]

kinds = st.sampled_from(sorted(KEYS))


def test_recorded_ids() -> None:
    keys = json.loads((VECTORS / "envelopes.json").read_bytes())["key_material"]
    cases = json.loads((VECTORS / "ids.json").read_bytes())["ids"]
    assert len(cases) >= 30
    for case in cases:
        key = bytes.fromhex(keys[case["keys"]]["id_key"]) if case["keys"] else b""
        hasher = _native.IdHasher(KIND_OF_KEYS[case["keys"]], key)
        assert hasher.digest(bytes.fromhex(case["plaintext"])).hex() == case["id"]


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_sizes_around_every_threshold(kind: _native.IdKind) -> None:
    hasher = _native.IdHasher(kind, KEYS[kind])
    buffers = [bytes([size % 251]) * size for size in SIZES]
    expected = [twin.digest(kind, KEYS[kind], buffer) for buffer in buffers]
    assert [hasher.digest(buffer) for buffer in buffers] == expected
    assert hasher.digest_many([*buffers]) == b"".join(expected)


@given(kinds, st.binary(max_size=300), st.lists(st.binary(max_size=300), max_size=12))
def test_equals_hashlib(kind: _native.IdKind, key: bytes, buffers: list[bytes]) -> None:
    key = b"" if kind == "sha256" else key
    hasher = _native.IdHasher(kind, key)
    assert hasher.digest_many([*buffers]) == b"".join(twin.digest(kind, key, buffer) for buffer in buffers)


@given(kinds, st.lists(st.integers(0, 200_000), max_size=9))
def test_many_of_very_different_sizes(kind: _native.IdKind, sizes: list[int]) -> None:
    hasher = _native.IdHasher(kind, KEYS[kind])
    buffers = [bytes([index]) * size for index, size in enumerate(sizes)]
    assert hasher.digest_many([*buffers]) == b"".join(twin.digest(kind, KEYS[kind], buffer) for buffer in buffers)


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_one_hasher_serves_many_threads(kind: _native.IdKind) -> None:
    hasher = _native.IdHasher(kind, KEYS[kind])
    batches = [[bytes([number, index]) * 70_000 for index in range(4)] for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(hasher.digest_many, batches))
    assert results == [b"".join(twin.digest(kind, KEYS[kind], buffer) for buffer in batch) for batch in batches]


def test_senseless_arguments() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        _native.IdHasher("md5")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no key"):
        _native.IdHasher("sha256", b"key")
    with pytest.raises(TypeError):
        _native.IdHasher("sha256").digest("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        _native.IdHasher("sha256").digest(bytearray(b"may change"))  # type: ignore[arg-type]


@given(st.binary(max_size=150), st.binary(max_size=80), st.integers(1, 40), st.integers(0, 110))
def test_keys_of_passphrases(passphrase: bytes, salt: bytes, iterations: int, length: int) -> None:
    expected = hashlib.pbkdf2_hmac("sha256", passphrase, salt, iterations, length or 1)[:length]
    assert _native.derive_key(passphrase, salt, iterations, length) == expected


@pytest.mark.parametrize("kind", ["sha256", "sha512"])
@given(key=st.binary(max_size=300), data=st.binary(max_size=300), place=st.integers(0, 10**6))
def test_hmacs(kind: _native.HmacKind, key: bytes, data: bytes, place: int) -> None:
    expected = hmac.digest(key, data, kind)
    assert _native.hmac(kind, key, data) == expected
    assert _native.is_hmac(kind, key, data, expected)
    wrong = bytearray(expected)
    wrong[place % len(wrong)] ^= 1 << place % 8
    for claimed in (bytes(wrong), expected[:-1], b"", expected + b"x"):
        assert not _native.is_hmac(kind, key, data, claimed)


def test_only_known_hmacs() -> None:
    for function, rest in ((_native.hmac, ()), (_native.is_hmac, (b"",))):
        with pytest.raises(ValueError, match="md5"):
            function("md5", b"", b"", *rest)  # type: ignore[call-overload]
