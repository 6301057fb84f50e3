from __future__ import annotations

import hmac
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.keys import key_of, vectors
from vinculum.errors import (
    ArchiveTamInvalid,
    ArchiveTamRequired,
    IntegrityError,
    TamInvalid,
    TamRequired,
    TamUnsupportedSuite,
    UnsupportedManifestError,
)
from vinculum.formats.msgpack import pack, pack_sorted, unpack
from vinculum.keys.key import Key
from vinculum.keys.modes import MODES
from vinculum.keys.tam import pack_with_tam, tam_key, verify_archive, verify_manifest

CASES = vectors("tam")["tam"]
NAMES = [f"{case['mode']}-{case['context']}" for case in CASES]
FIELDS: dict[bytes, object] = {b"version": 1, b"name": b"x"}


def verify(key: Key, plaintext: bytes, context: str, *, required: bool = False) -> tuple[dict[bytes, object], bool]:
    if context == "manifest":
        return verify_manifest(key, plaintext, required=required)
    return verify_archive(key, plaintext, "name", required=required)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_vectors_verify_and_are_made_alike(case: dict[str, Any]) -> None:
    key, packed, salt = key_of(case["mode"]), bytes.fromhex(case["packed"]), bytes.fromhex(case["salt"])
    context: Literal[b"manifest", b"archive"] = case["context"].encode()
    assert tam_key(key.tam_secret, salt, context).hex() == case["tam_key"]
    fields, verified = verify(key, packed, case["context"], required=True)
    assert verified
    assert b"tam" not in fields
    assert pack_with_tam(key, fields, context, salt=salt) == packed
    assert key.hasher.digest(packed).hex() == case["id"]


@pytest.mark.parametrize("mode", MODES)
def test_contexts_are_not_interchangeable(mode: str) -> None:
    key = key_of(mode)
    with pytest.raises(ArchiveTamInvalid):
        verify(key, pack_with_tam(key, FIELDS, b"manifest"), "archive")
    with pytest.raises(TamInvalid):
        verify(key, pack_with_tam(key, FIELDS, b"archive"), "manifest")


@settings(max_examples=100)
@given(st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    key = key_of("repokey")
    packed = bytearray(pack_with_tam(key, {**FIELDS, b"x": data.draw(st.binary(max_size=100))}, b"manifest"))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= 1 << data.draw(st.integers(0, 7))
    # A change may hide the entry itself, so only an authenticated result would be wrong.
    with pytest.raises(IntegrityError):
        verify(key, bytes(packed), "manifest", required=True)


def test_any_encoding_verifies_with_what_follows_it() -> None:
    key = key_of("repokey")
    fields: dict[bytes, object] = {**FIELDS, b"tam": {b"type": b"HKDF_HMAC_SHA512", b"salt": bytes(64), b"hmac": b"\1" * 64}}
    unusual = pack(dict(reversed(fields.items()))) + b"trailing"
    digest = hmac.digest(tam_key(key.tam_secret, bytes(64), b"archive"), unusual.replace(b"\1" * 64, bytes(64)), "sha512")
    assert verify(key, unusual.replace(b"\1" * 64, digest), "archive", required=True) == (FIELDS, True)
    with pytest.raises(ArchiveTamInvalid):
        verify(key, unusual.replace(b"\1" * 64, digest) + b"!", "archive")


def test_old_entry_is_replaced_and_salts_differ() -> None:
    key = key_of("repokey")
    one = pack_with_tam(key, {**FIELDS, b"tam": b"old"}, b"archive")
    other = pack_with_tam(key, FIELDS, b"archive")
    assert one != other
    assert verify(key, one, "archive") == verify(key, other, "archive") == (FIELDS, True)


def test_missing_entry_matters_only_if_required() -> None:
    key, plain = key_of("repokey"), pack_sorted(FIELDS)
    for context, error in (("manifest", TamRequired), ("archive", ArchiveTamRequired)):
        assert verify(key, plain, context) == (FIELDS, False)
        with pytest.raises(error):
            verify(key, plain, context, required=True)


def changed(**changes: object) -> bytes:
    fields = unpack(pack_with_tam(key_of("repokey"), FIELDS, b"manifest"))
    assert isinstance(fields, dict)
    fields[b"tam"].update({name.encode(): value for name, value in changes.items()})
    return pack_sorted(fields)


@pytest.mark.parametrize(
    "plain",
    [
        pack_sorted({**FIELDS, b"tam": None}),
        pack_sorted({**FIELDS, b"tam": b"raw"}),
        pack_sorted({**FIELDS, b"tam": []}),
        changed(hmac=1),
        changed(hmac=b""),
        changed(hmac=bytes(63)),
        changed(hmac=bytes(64)),
        changed(salt=None),
        changed(salt=bytes(64)),
    ],
)
@pytest.mark.parametrize("required", [False, True])
def test_wrong_entry_is_always_an_error(plain: bytes, required: bool) -> None:
    key = key_of("repokey")
    with pytest.raises(TamInvalid):
        verify(key, plain, "manifest", required=required)
    with pytest.raises(ArchiveTamInvalid):
        verify(key, plain, "archive", required=required)


def test_wrong_archive_entry_counts_as_missing_by_workaround() -> None:
    key = key_of("repokey")
    plain = changed(salt=bytes(64))
    assert verify_archive(key, plain, "name", accept_invalid=True) == (FIELDS, False)
    with pytest.raises(ArchiveTamRequired):
        verify_archive(key, plain, "name", accept_invalid=True, required=True)


@pytest.mark.parametrize("suite", [b"FUTURE", None, 5])
def test_unknown_suite_matters_only_if_required(suite: object) -> None:
    key = key_of("repokey")
    for context in ("manifest", "archive"):
        assert verify(key, changed(type=suite), context) == (FIELDS, False)
        with pytest.raises(TamUnsupportedSuite):
            verify(key, changed(type=suite), context, required=True)


def test_manifest_of_a_newer_format_is_named_as_such() -> None:
    with pytest.raises(UnsupportedManifestError):
        verify(key_of("repokey"), b"\xc1\xc1\xc1\xc1rest", "manifest")


@pytest.mark.parametrize("plain", [b"", b"\x90", b"\x81", b"\x81\x01\x02"])
def test_what_is_no_map_of_fields_is_damage(plain: bytes) -> None:
    for context in ("manifest", "archive"):
        with pytest.raises(IntegrityError):
            verify(key_of("repokey"), plain, context)


def test_other_keys_do_not_verify() -> None:
    packed = pack_with_tam(key_of("repokey"), FIELDS, b"manifest")
    with pytest.raises(TamInvalid):
        verify(key_of("repokey-blake2"), packed, "manifest")
    with pytest.raises(TamInvalid):
        verify(key_of("none"), packed, "manifest")
