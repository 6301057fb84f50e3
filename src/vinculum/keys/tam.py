"""Authentication of the metadata objects (TAM): making the `tam` entry of manifest and archive objects, and judging it.

    tam = {hmac: 64 bytes, salt: 64 bytes, type: "HKDF_HMAC_SHA512"}, an entry of the authenticated map itself
    hmac = HMAC-SHA512(K, the packed map with zeros for hmac), K derived from the key's secrets, the salt and a context

Judged are the received bytes, never a re-encoding. Whether a TAM is required is the caller's knowledge.
"""

from __future__ import annotations

import os

from vinculum._native import hmac, is_hmac
from vinculum.errors import (
    ArchiveTamInvalid,
    ArchiveTamRequired,
    IntegrityError,
    TamInvalid,
    TamRequired,
    TamUnsupportedSuite,
    UnsupportedManifestError,
)
from vinculum.formats.msgpack import pack_sorted, unpack_first

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, Protocol, TypeAlias

    Context: TypeAlias = Literal[b"manifest", b"archive"]
    Fields: TypeAlias = dict[bytes, object]

    class TamKey(Protocol):
        @property
        def tam_secret(self) -> bytes | None:
            """What authentication keys are derived from; None for a repository without keys."""

        @property
        def verifies(self) -> bool:
            """False for a key that was opened without its secrets and takes everything on trust."""


SUITE = b"HKDF_HMAC_SHA512"
_HMAC_BYTES = 64
_SALT_BYTES = 64
_NO_HMAC = bytes(_HMAC_BYTES)
_NEWER_ENVELOPE = b"\xc1" * 4  # never valid msgpack, so a later format can announce itself by it


def pack_with_tam(key: TamKey, fields: Mapping[bytes, object], context: Context, *, salt: bytes | None = None) -> bytes:
    """The canonical bytes of `fields` with a new `tam` entry (replacing one that is there); a fresh salt unless given."""
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    tam: Fields = {b"hmac": _NO_HMAC, b"salt": salt, b"type": SUITE}
    authenticated = {**fields, b"tam": tam}
    tam[b"hmac"] = hmac("sha512", tam_key(key.tam_secret, salt, context), pack_sorted(authenticated))
    return pack_sorted(authenticated)


def verify_manifest(key: TamKey, plaintext: bytes, *, required: bool) -> tuple[Fields, bool]:
    """The manifest's map without its `tam`, and whether that was verified.

    TamRequired, TamInvalid, TamUnsupportedSuite; UnsupportedManifestError if it is of a newer format.
    """
    if plaintext.startswith(_NEWER_ENVELOPE):
        raise UnsupportedManifestError
    fields, verdict = _judge(key, plaintext, b"manifest", "the manifest")
    if verdict.valid:
        return fields, True
    if verdict.wrong:
        raise TamInvalid("the manifest did not verify")
    if required and verdict.suite is not None:
        raise TamUnsupportedSuite(verdict.suite)
    if required:
        raise TamRequired
    return fields, False


def verify_archive(
    key: TamKey, plaintext: bytes, name: str, *, required: bool = False, accept_invalid: bool = False
) -> tuple[Fields, bool]:
    """The archive object's map without its `tam`, and whether that was verified. `name` is for messages.

    With `accept_invalid` a wrong TAM counts as missing. ArchiveTamRequired, ArchiveTamInvalid, TamUnsupportedSuite.
    """
    fields, verdict = _judge(key, plaintext, b"archive", f"archive {name}")
    if verdict.valid:
        return fields, True
    if verdict.wrong and not accept_invalid:
        raise ArchiveTamInvalid(f"archive {name} did not verify")
    if required and verdict.suite is not None:
        raise TamUnsupportedSuite(verdict.suite)
    if required:
        raise ArchiveTamRequired(name)
    return fields, False


def tam_key(secret: bytes | None, salt: bytes, context: Context) -> bytes:
    """The key that authenticates one object."""
    if secret is None:
        return salt + context
    # HKDF-SHA512 with an output of exactly one block.
    extracted = hmac("sha512", salt, secret)
    return hmac("sha512", extracted, b"borg-metadata-authentication-" + context + b"\x01")


class _Verdict:
    """What a `tam` entry is worth; none of the three if there is no entry."""

    __slots__ = ("suite", "valid", "wrong")

    def __init__(self, *, valid: bool = False, wrong: bool = False, suite: str | None = None) -> None:
        self.valid = valid
        self.wrong = wrong
        self.suite = suite


def _judge(key: TamKey, plaintext: bytes, context: Context, what: str) -> tuple[Fields, _Verdict]:
    try:
        fields = unpack_first(plaintext)
    except ValueError as error:
        raise IntegrityError(f"{what} is damaged: {error}") from error
    if not isinstance(fields, dict) or not all(isinstance(name, bytes) for name in fields):
        raise IntegrityError(f"{what} is not a map of fields")
    present = b"tam" in fields
    tam = fields.pop(b"tam", None)
    if not present or not key.verifies:
        return fields, _Verdict()
    if not isinstance(tam, dict):
        return fields, _Verdict(wrong=True)
    suite = tam.get(b"type", b"<none>")
    if suite != SUITE:
        return fields, _Verdict(suite=suite.decode("ascii", "replace") if isinstance(suite, bytes) else repr(suite))
    claimed, salt = tam.get(b"hmac"), tam.get(b"salt")
    if not isinstance(claimed, bytes) or not isinstance(salt, bytes) or len(claimed) != _HMAC_BYTES:
        return fields, _Verdict(wrong=True)
    at = plaintext.index(claimed)
    covered = plaintext[:at] + _NO_HMAC + plaintext[at + _HMAC_BYTES :]
    valid = is_hmac("sha512", tam_key(key.tam_secret, salt, context), covered, claimed)
    return fields, _Verdict(valid=valid, wrong=not valid)
