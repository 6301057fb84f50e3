"""A key's secrets, and the passphrase-protected form in which they are kept.

    text form   base64 of the outer map in lines of 70 characters, no newline at the end
    outer map   algorithm, data, hash, iterations, salt, version
    data        AES-256-CTR under a key derived from the passphrase, of the inner map: the secrets

Where a blob is kept is not known here. Secrets never appear in a repr or a message.
"""

from __future__ import annotations

import binascii
import os

from vinculum._native import aes256_ctr, derive_ahead, derive_key, hmac, is_hmac
from vinculum.errors import UnsupportedKeyFormat
from vinculum.formats.msgpack import pack_sorted, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vinculum._native import KeyToCome
    from vinculum.keys.related_secrets import RelatedSecrets

ITERATIONS = 100_000
LINE_LENGTH = 70
SMALLEST_BLOB = 20
VERSION = 1
_ALGORITHM = b"sha256"
_SALT_BYTES = 32
_KEK_BYTES = 32
_ZERO_COUNTER = bytes(16)
_BLAKE2_KEY_BYTES = 128
_LONGEST_RUN = 2**31 - 1  # what the derivation can be asked for


class KeyMaterial:
    """The secrets of one repository. Immutable; `tam_required` is None in old keys that do not say."""

    __slots__ = ("chunk_seed", "enc_hmac_key", "enc_key", "id_key", "repository_id", "tam_required")

    def __init__(
        self,
        *,
        repository_id: bytes,
        enc_key: bytes,
        enc_hmac_key: bytes,
        id_key: bytes,
        chunk_seed: int,
        tam_required: bool | None,
    ) -> None:
        self.repository_id = repository_id
        self.enc_key = enc_key
        self.enc_hmac_key = enc_hmac_key
        self.id_key = id_key
        self.chunk_seed = chunk_seed
        self.tam_required = tam_required

    @classmethod
    def generate(cls, repository_id: bytes, *, blake2: bool, related: RelatedSecrets | None = None) -> Self:
        """New random secrets, but for those that are shared with another repository."""
        mac_key, id_key = (_padded(os.urandom(64)), _padded(os.urandom(64))) if blake2 else (os.urandom(32), os.urandom(32))
        return cls(
            repository_id=repository_id,
            enc_key=os.urandom(32),
            enc_hmac_key=mac_key,
            id_key=related.id_key if related else id_key,
            chunk_seed=related.chunk_seed if related else int.from_bytes(os.urandom(4), "big", signed=True),
            tam_required=True,
        )

    @classmethod
    def from_passphrase(cls, repository_id: bytes, passphrase: str) -> Self:
        """The secrets of a repository in the old passphrase mode, as a repokey holds them."""
        derived = derive_key(_encoded(passphrase), repository_id, ITERATIONS, 100)
        return cls(
            repository_id=repository_id,
            enc_key=derived[:32],
            enc_hmac_key=derived[32:64],
            id_key=derived[64:96],
            chunk_seed=int.from_bytes(derived[96:], "big", signed=True),
            tam_required=True,
        )

    def with_tam_required(self, required: bool) -> Self:
        """The same secrets with another opinion on authenticated manifests."""
        return type(self)(
            repository_id=self.repository_id,
            enc_key=self.enc_key,
            enc_hmac_key=self.enc_hmac_key,
            id_key=self.id_key,
            chunk_seed=self.chunk_seed,
            tam_required=required,
        )

    @property
    def tam_secret(self) -> bytes:
        """What the authentication keys of manifest and archives are derived from."""
        return self.id_key + self.enc_key + self.enc_hmac_key

    def __repr__(self) -> str:
        return f"<KeyMaterial of {self.repository_id.hex()}>"


def lock_blob(material: KeyMaterial, passphrase: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> bytes:
    """The outer map for `passphrase`; a fresh salt unless one is given."""
    inner: dict[bytes, object] = {
        b"chunk_seed": material.chunk_seed,
        b"enc_hmac_key": material.enc_hmac_key,
        b"enc_key": material.enc_key,
        b"id_key": material.id_key,
        b"repository_id": material.repository_id,
        b"version": VERSION,
    }
    if material.tam_required is not None:
        inner[b"tam_required"] = material.tam_required
    plain = pack_sorted(inner)
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    kek = _derive(passphrase, salt, iterations)
    return pack_sorted(
        {
            b"algorithm": _ALGORITHM,
            b"data": aes256_ctr(kek, _ZERO_COUNTER, plain),
            b"hash": hmac("sha256", kek, plain),
            b"iterations": iterations,
            b"salt": salt,
            b"version": VERSION,
        }
    )


class LockedBlob:
    """A blob that was read and is waiting for its passphrase. ValueError if it is not one. Confined to one thread."""

    __slots__ = ("_data", "_hash", "_iterations", "_salt", "_to_come", "blob")

    def __init__(self, blob: bytes) -> None:
        self.blob = blob
        self._to_come: tuple[str, KeyToCome] | None = None
        outer = unpack(blob)
        if not isinstance(outer, dict):
            raise ValueError("the key is not a map")
        if outer.get(b"version") != VERSION or outer.get(b"algorithm") != _ALGORITHM:
            raise UnsupportedKeyFormat
        self._data = _raw(outer, b"data")
        self._hash = _raw(outer, b"hash")
        self._salt = _raw(outer, b"salt")
        self._iterations = _number(outer, b"iterations", 1, _LONGEST_RUN)

    def begin(self, passphrase: str) -> None:
        """Does what takes long about unlocking in the background."""
        self._to_come = passphrase, derive_ahead(_encoded(passphrase), self._salt, self._iterations, _KEK_BYTES)

    def unlock(self, passphrase: str) -> KeyMaterial | None:
        """The secrets, or None if this is not the passphrase. ValueError if they are not well formed."""
        begun, self._to_come = self._to_come, None
        if begun is not None and begun[0] == passphrase:
            kek = begun[1].wait()
        else:
            kek = _derive(passphrase, self._salt, self._iterations)
        plain = aes256_ctr(kek, _ZERO_COUNTER, self._data)
        if not is_hmac("sha256", kek, plain, self._hash):
            return None
        return _parse_material(plain)


def encode_text(blob: bytes) -> str:
    """The text form of an outer map."""
    text = binascii.b2a_base64(blob, newline=False).decode("ascii")
    return "\n".join(text[start : start + LINE_LENGTH] for start in range(0, len(text), LINE_LENGTH))


def decode_text(text: bytes) -> bytes:
    """The outer map from its text form, whatever its line breaks. ValueError if it is not base64, or too short.

    Characters that do not belong there are passed over, as in Borg: a key that has lost nothing has to open. Whether it is
    whole its own authentication tells.
    """
    try:
        blob = binascii.a2b_base64(text)
    except binascii.Error as error:
        raise ValueError("the key is not valid base64") from error
    if len(blob) < SMALLEST_BLOB:
        raise ValueError("the key is too short")
    return blob


def _parse_material(plain: bytes) -> KeyMaterial:
    inner = unpack(plain)
    if not isinstance(inner, dict):
        raise ValueError("the secrets are not a map")
    if inner.get(b"version") != VERSION:
        raise UnsupportedKeyFormat
    tam_required = inner.get(b"tam_required")
    if not isinstance(tam_required, bool | None):
        raise ValueError("tam_required is not a truth value")
    return KeyMaterial(
        repository_id=_raw(inner, b"repository_id"),
        enc_key=_raw(inner, b"enc_key"),
        enc_hmac_key=_raw(inner, b"enc_hmac_key"),
        id_key=_raw(inner, b"id_key"),
        chunk_seed=_number(inner, b"chunk_seed", -(2**31), 2**31 - 1),
        tam_required=tam_required,
    )


def _derive(passphrase: str, salt: bytes, iterations: int) -> bytes:
    return derive_key(_encoded(passphrase), salt, iterations, _KEK_BYTES)


def _encoded(passphrase: str) -> bytes:
    # Environment variables that are not valid UTF-8 arrive with surrogate escapes; their bytes are what was meant.
    return passphrase.encode("utf-8", "surrogateescape")


def _padded(key: bytes) -> bytes:
    return key.ljust(_BLAKE2_KEY_BYTES, b"\0")


def _raw(fields: dict[object, object], name: bytes) -> bytes:
    value = fields.get(name)
    if not isinstance(value, bytes):
        raise ValueError(f"the key has no {name.decode()}")
    return value


def _number(fields: dict[object, object], name: bytes, smallest: int, greatest: int) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= greatest:
        raise ValueError(f"the key has no usable {name.decode()}")
    return value
