from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.keys import material_of, vectors
from vinculum.errors import UnsupportedKeyFormat
from vinculum.formats.msgpack import pack_sorted, unpack
from vinculum.keys.blob import KeyMaterial, LockedBlob, decode_text, encode_text, lock_blob
from vinculum.keys.keyfile import format_key_file
from vinculum.keys.modes import MODES

FIELDS = KeyMaterial.__slots__
BLOBS = vectors("keyblobs")["blobs"]


def fields_of(material: KeyMaterial | None) -> dict[str, Any]:
    assert material is not None
    return {name: getattr(material, name) for name in FIELDS}


def expected_fields(inner: dict[str, Any]) -> dict[str, Any]:
    return {name: bytes.fromhex(inner[name]) if isinstance(inner[name], str) else inner[name] for name in FIELDS}


@pytest.mark.parametrize("case", BLOBS, ids=[f"{case['mode']}-{case['passphrase']}" for case in BLOBS])
def test_vectors_open_and_are_written_alike(case: dict[str, Any]) -> None:
    blob = decode_text(case["text"].encode())
    assert blob.hex() == case["outer_msgpack"]
    material = LockedBlob(blob).unlock(case["passphrase"])
    assert fields_of(material) == expected_fields(case["inner"])
    assert material is not None
    again = lock_blob(material, case["passphrase"], salt=bytes.fromhex(case["salt"]), iterations=case["iterations"])
    assert again == blob
    assert encode_text(again) == case["text"]
    assert format_key_file(material.repository_id, case["text"]) == case["key_file_text"]


@settings(max_examples=60)
@given(
    seed=st.integers(-(2**31), 2**31 - 1),
    passphrase=st.text(max_size=20),
    wrong=st.text(max_size=20),
    iterations=st.integers(1, 50),
    tam_required=st.none() | st.booleans(),
    blake2=st.booleans(),
)
def test_any_key_survives_and_only_its_passphrase_opens_it(
    seed: int, passphrase: str, wrong: str, iterations: int, tam_required: bool | None, blake2: bool
) -> None:
    material = KeyMaterial.generate(bytes(32), blake2=blake2)
    material.chunk_seed = seed
    material.tam_required = tam_required
    locked = LockedBlob(decode_text(encode_text(lock_blob(material, passphrase, iterations=iterations)).encode()))
    assert fields_of(locked.unlock(passphrase)) == fields_of(material)
    if wrong != passphrase:
        assert locked.unlock(wrong) is None
    for begun, expected in ((passphrase, fields_of(material)), (wrong, None if wrong != passphrase else fields_of(material))):
        locked.begin(begun)
        unlocked = locked.unlock(begun)
        assert (None if unlocked is None else fields_of(unlocked)) == expected
        locked.begin(begun)
        assert fields_of(locked.unlock(passphrase)) == fields_of(material), "what was begun with another passphrase is no use"


def test_new_secrets_have_the_lengths_of_their_family() -> None:
    plain, blake2 = (KeyMaterial.generate(bytes(32), blake2=blake2) for blake2 in (False, True))
    assert (len(plain.enc_key), len(plain.enc_hmac_key), len(plain.id_key)) == (32, 32, 32)
    assert (len(blake2.enc_key), len(blake2.enc_hmac_key), len(blake2.id_key)) == (32, 128, 128)
    for key in (blake2.enc_hmac_key, blake2.id_key):
        assert key.endswith(bytes(64))
        assert not key.endswith(bytes(65)) or key[63] == 0
    assert plain.tam_required


def test_no_two_keys_and_no_two_blobs_are_alike() -> None:
    one, other = (KeyMaterial.generate(bytes(32), blake2=True) for _ in range(2))
    assert len({one.enc_key, other.enc_key, one.enc_hmac_key, other.enc_hmac_key, one.id_key, other.id_key}) == 6
    assert lock_blob(one, "x", iterations=1) != lock_blob(one, "x", iterations=1)


def test_secrets_are_not_shown() -> None:
    material = material_of("repokey")
    shown = f"{material!r} {material}"
    for secret in (material.enc_key, material.id_key, material.enc_hmac_key):
        assert secret.hex() not in shown
        assert repr(secret) not in shown
    assert str(material.chunk_seed) not in shown


def test_text_form_may_be_broken_anywhere() -> None:
    text = encode_text(bytes(range(200)))
    assert decode_text(b" \r\n".join(bytes([char]) for char in text.replace("\n", "").encode()) + b"\n\n") == bytes(range(200))


def test_text_form_may_have_anything_in_it_and_behind_it() -> None:
    """A bit that flips in the line break after the key must not cost the backups; Borg does not mind it either."""
    text = encode_text(bytes(range(200))).encode()
    for damaged in (text.replace(b"\n", b"\x1a"), text + b"\x1a", text + b"\n\xff", b"!" + text):
        assert decode_text(damaged) == bytes(range(200))


@pytest.mark.parametrize("text", [b"", b"QUJD", b"!" * 40, b"A" * 41], ids=["empty", "short", "no-base64", "cut"])
def test_what_is_no_key_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"base64|short"):
        decode_text(text)


def outer(**changes: object) -> bytes:
    fields = unpack(lock_blob(material_of("repokey"), "x", iterations=1))
    assert isinstance(fields, dict)
    fields.update({name.encode(): value for name, value in changes.items()})
    return pack_sorted(fields)


@pytest.mark.parametrize("changes", [{"version": 2}, {"version": None}, {"algorithm": b"argon2"}], ids=repr)
def test_other_formats_are_named_as_such(changes: dict[str, object]) -> None:
    with pytest.raises(UnsupportedKeyFormat):
        LockedBlob(outer(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"data": 1},
        {"hash": None},
        {"salt": []},
        {"iterations": 0},
        {"iterations": 2**31},
        {"iterations": True},
        {"iterations": b""},
    ],
    ids=repr,
)
def test_malformed_blobs_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="the key has no"):
        LockedBlob(outer(**changes))


def test_something_else_than_a_map_is_refused() -> None:
    with pytest.raises(ValueError, match="map"):
        LockedBlob(b"\x90")


def test_modes_know_their_family() -> None:
    assert {name for name, mode in MODES.items() if mode.blake2} == {"repokey-blake2", "keyfile-blake2", "authenticated-blake2"}
