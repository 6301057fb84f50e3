"""AES in counter mode by itself: the published vector, the twin, and counters beyond 64 bits."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import crypto as twin
from support.suites import ENC_KEY
from vinculum import _native


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
